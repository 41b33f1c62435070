//! Cancelling jobs while workers run.

use std::sync::Arc;
use std::time::Duration;

use pgq::driver::Cancellation;
use pgq::{CancelReason, Context, JobError, JobHandle, JobState, Pgq};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc};

use super::both::{Place, on_both_drivers};
use super::pause::Running;
use super::wake::NEVER;
use super::{DEADLINE, worker};

/// What the tasks of a test tell it.
struct Told {
    started: Semaphore,
    reasons: mpsc::UnboundedSender<Option<CancelReason>>,
}

type Reasons = mpsc::UnboundedReceiver<Option<CancelReason>>;

impl Told {
    fn new() -> (Arc<Self>, Reasons) {
        let (reasons, heard) = mpsc::unbounded_channel();
        let started = Semaphore::new(0);
        (Arc::new(Self { started, reasons }), heard)
    }

    async fn until_started(&self) -> anyhow::Result<()> {
        self.started.acquire().await?.forget();
        Ok(())
    }
}

/// Runs until it is told to end, and then does what its input says.
#[pgq::task]
async fn obey(context: &Context, told: &Arc<Told>, then: String) -> anyhow::Result<()> {
    told.started.add_permits(1);
    context.cancelled().cancelled().await;
    told.reasons.send(context.cancel_reason())?;
    match then.as_str() {
        "return" => Ok(()),
        "panic" => panic!("told to"),
        then => anyhow::bail!("{then}"),
    }
}

/// Hears nothing.
#[pgq::task]
async fn ignore(told: &Arc<Told>) {
    let _left = Left(Arc::clone(told));
    told.started.add_permits(1);
    std::future::pending::<()>().await;
}

/// Says so when it is dropped.
struct Left(Arc<Told>);

impl Drop for Left {
    fn drop(&mut self) {
        let _ = self.0.reasons.send(None);
    }
}

#[pgq::task(blocking, timeout = "1ms")]
fn too_slow(context: &Context, told: &Arc<Told>) -> anyhow::Result<()> {
    tokio::runtime::Handle::current().block_on(context.cancelled().cancelled());
    told.reasons.send(context.cancel_reason())?;
    Ok(())
}

#[pgq::task]
async fn quick() {}

/// Fails, and would be tried again, when it is allowed to.
#[pgq::task]
async fn fail_at_the_gate(gate: &Arc<Semaphore>) -> anyhow::Result<()> {
    gate.acquire().await?.forget();
    anyhow::bail!("not this time")
}

/// Waits for its gate; its input is too large to come with a claim.
#[pgq::task]
async fn hold_large(gate: &Arc<Semaphore>, _text: String) -> anyhow::Result<()> {
    gate.acquire().await?.forget();
    Ok(())
}

async fn until_running<T>(pool: &PgPool, job: JobHandle<T>) -> anyhow::Result<()> {
    eventually("the job is claimed", || async {
        Ok(job.status(pool).await? == JobState::Running)
    })
    .await
}

on_both_drivers! {
    a_running_job_is_told_and_ends_as_cancelled_whatever_it_returns,
    a_job_that_ignores_it_is_dropped_after_the_grace_time,
}

async fn a_running_job_is_told_and_ends_as_cancelled_whatever_it_returns(
    place: &Place,
) -> anyhow::Result<()> {
    let driver = &place.driver;
    let (told, mut reasons) = Told::new();
    let running = Running::start(
        place
            .worker::<obey>()
            .state(Arc::clone(&told))
            .poll_interval(NEVER),
    );

    for (then, expected) in [
        ("return", None),
        ("fail", Some("fail")),
        ("panic", Some("panicked: told to")),
    ] {
        let job = obey::enqueue(driver, then.to_owned()).await?;
        told.until_started().await?;
        assert_eq!(job.cancel(driver).await?, Cancellation::Requested);

        assert_eq!(reasons.recv().await, Some(Some(CancelReason::Cancelled)));
        match job.wait_for(driver, DEADLINE).await {
            Err(JobError::Cancelled { reason, .. }) => assert_eq!(reason.as_deref(), expected),
            other => panic!("{then}: {other:?}"),
        }
        let again = job.cancel(driver).await?;
        assert_eq!(again, Cancellation::AlreadyFinished(JobState::Cancelled));
    }
    running.stop().await
}

async fn a_job_that_ignores_it_is_dropped_after_the_grace_time(
    place: &Place,
) -> anyhow::Result<()> {
    let driver = &place.driver;
    let (told, mut left) = Told::new();
    let running = Running::start(
        place
            .worker::<ignore>()
            .state(Arc::clone(&told))
            .cancel_grace(Duration::from_millis(10))
            .poll_interval(NEVER),
    );
    let job = ignore::enqueue(driver).await?;
    told.until_started().await?;

    job.cancel(driver).await?;

    assert_eq!(left.recv().await, Some(None));
    let waited = job.wait_for(driver, DEADLINE).await;
    assert!(
        matches!(waited, Err(JobError::Cancelled { .. })),
        "{waited:?}"
    );
    running.stop().await
}

#[tokio::test]
async fn a_request_that_nobody_is_told_of_is_found_by_polling() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let (told, mut reasons) = Told::new();
    let running = Running::start(
        worker::<obey>(&database)
            .state(Arc::clone(&told))
            .poll_interval(Duration::from_millis(20)),
    );
    let job = obey::enqueue(pool, "return".to_owned()).await?;
    told.until_started().await?;

    sqlx::query(
        "insert into pgq_jobs.cancel_request (worker, job, claim)
         select worker, id, claim from pgq_jobs.running",
    )
    .execute(pool)
    .await?;

    assert_eq!(reasons.recv().await, Some(Some(CancelReason::Cancelled)));
    let waited = job.wait_for(pool, DEADLINE).await;
    assert!(
        matches!(waited, Err(JobError::Cancelled { .. })),
        "{waited:?}"
    );
    running.stop().await
}

#[tokio::test]
async fn a_claimed_job_that_has_not_started_does_not_start() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Arc::new(Semaphore::new(0));
    let running = Running::start(
        worker::<hold_large>(&database)
            .state(Arc::clone(&gate))
            // Of two large inputs the second waits in the worker.
            .input_memory(1)
            .poll_interval(NEVER),
    );
    let texts = ["x".repeat(10_000), "y".repeat(10_000)];
    let jobs = hold_large::enqueue_many(pool, texts).await?;
    for job in &jobs {
        until_running(pool, *job).await?;
    }

    let pgq = Pgq::from_pool(pool.clone());
    assert_eq!(pgq.cancel(jobs[1].id()).await?, Cancellation::Requested);

    // The first one still runs.
    let waited = jobs[1].wait_for(pool, DEADLINE).await;
    assert!(
        matches!(waited, Err(JobError::Cancelled { .. })),
        "{waited:?}"
    );
    gate.add_permits(1);
    jobs[0].wait_for(pool, DEADLINE).await?;
    running.stop().await
}

#[tokio::test]
async fn jobs_that_are_cancelled_while_they_are_claimed_are_told_apart() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let running = Running::start(worker::<quick>(&database));
    let mut came_to = [0, 0, 0];

    for _ in 0..20 {
        let jobs = quick::enqueue_many(pool, std::iter::repeat_n((), 20)).await?;
        for job in jobs {
            let cancellation = job.cancel(pool).await?;
            let ended = job.wait_for(pool, DEADLINE).await;
            let stored = job.job(pool).await?;
            let expected = match cancellation {
                Cancellation::Cancelled => {
                    came_to[0] += 1;
                    ended.is_err() && stored.state == JobState::Cancelled && stored.deliveries == 0
                }
                Cancellation::Requested => {
                    came_to[1] += 1;
                    stored.deliveries == 1
                }
                Cancellation::AlreadyFinished(state) => {
                    came_to[2] += 1;
                    stored.state == state && ended.is_ok()
                }
            };
            assert!(expected, "{cancellation:?}, but {stored:?}");
        }
    }
    println!("cancelled, requested, too late: {came_to:?}");
    running.stop().await
}

#[tokio::test]
async fn a_request_that_commits_while_the_attempt_ends_is_not_missed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Arc::new(Semaphore::new(0));
    let running = Running::start(
        worker::<fail_at_the_gate>(&database)
            .state(Arc::clone(&gate))
            .poll_interval(NEVER),
    );
    let job = fail_at_the_gate::enqueue(pool).await?;
    until_running(pool, job).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query("select from pgq_jobs.running where id = $1 for update")
        .bind(job.id().as_i64())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "insert into pgq_jobs.cancel_request (worker, job, claim)
         select worker, id, claim from pgq_jobs.running",
    )
    .execute(&mut *transaction)
    .await?;

    // The statement that ends the attempt sees a database without the request, and waits for the row.
    gate.add_permits(1);
    eventually("somebody waits for the row", || async {
        let sql = "select count(*) from pg_stat_activity
                   where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0";
        let waiting: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
        Ok(waiting > 0)
    })
    .await?;
    transaction.commit().await?;

    let waited = job.wait_for(pool, DEADLINE).await;
    assert!(
        matches!(waited, Err(JobError::Cancelled { .. })),
        "{waited:?}"
    );
    assert_eq!(super::count(pool, "cancel_request").await?, 0);
    running.stop().await
}

#[tokio::test]
async fn a_task_is_told_why_it_is_to_end() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let (told, mut reasons) = Told::new();
    let running = Running::start(
        worker::<obey>(&database)
            .task::<too_slow>()
            .state(Arc::clone(&told))
            .lease(Duration::from_secs(1))
            .drain_deadline(Duration::ZERO),
    );

    too_slow::job().max_attempts(1).enqueue(pool).await?;
    assert_eq!(reasons.recv().await, Some(Some(CancelReason::TimedOut)));

    let job = obey::enqueue(pool, "fail".to_owned()).await?;
    told.until_started().await?;
    // As a rescue does, but the job is gone for good.
    sqlx::query("with gone as (delete from pgq_jobs.worker) delete from pgq_jobs.running")
        .execute(pool)
        .await?;
    assert_eq!(reasons.recv().await, Some(Some(CancelReason::LeaseLost)));

    let last = obey::enqueue(pool, "fail".to_owned()).await?;
    told.until_started().await?;
    running.stop().await?;
    assert_eq!(reasons.recv().await, Some(Some(CancelReason::Shutdown)));
    assert_eq!(last.status(pool).await?, JobState::Ready);
    assert!(job.status(pool).await.is_err());
    Ok(())
}
