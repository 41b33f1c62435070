//! Jobs that complete inside a transaction of their task.

mod given;
mod lost;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgq::driver::Driver as _;
use pgq::postgres::PostgresDriver;
use pgq::{CancellationToken, CompleteError, Context, JobState};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{DEADLINE, drain, worker};

/// Where a task stops until the test lets it go on.
#[derive(Clone, Debug)]
struct Stops {
    reached: Arc<Semaphore>,
    passed: Arc<Semaphore>,
}

impl Stops {
    fn new() -> Self {
        Self {
            reached: Arc::new(Semaphore::new(0)),
            passed: Arc::new(Semaphore::new(0)),
        }
    }

    async fn stop(&self) {
        self.reached.add_permits(1);
        if let Ok(permit) = self.passed.acquire().await {
            permit.forget();
        }
    }

    /// Waits until the task has stopped.
    async fn reached(&self) -> anyhow::Result<()> {
        let reached = timeout(DEADLINE, self.reached.acquire()).await;
        reached.context("the task did not get there")??.forget();
        Ok(())
    }

    fn pass(&self) {
        self.passed.add_permits(1);
    }
}

async fn ledger(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::query("create table entry (job bigint not null)")
        .execute(pool)
        .await?;
    Ok(())
}

/// Writes into the ledger, so that each execution that takes effect is seen.
async fn write(connection: &mut PgConnection, job: pgq::JobId) -> sqlx::Result<()> {
    sqlx::query("insert into entry values ($1)")
        .bind(job.as_i64())
        .execute(connection)
        .await
        .map(drop)
}

async fn entries(pool: &PgPool) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from entry")
        .fetch_one(pool)
        .await?)
}

/// What a task does with its transaction in each of its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Act {
    Commit,
    RollBack,
    CommitAndFail,
    CommitAndPanic,
    CommitAndHang,
    Fail,
}

/// Does as it is told in its first attempt, and commits in the next.
#[pgq::task(name = "transaction/act", backoff(fixed = "1ms"), timeout = "5s")]
async fn act(ctx: &Context, pool: &PgPool, act: Act) -> anyhow::Result<u32> {
    let act = if ctx.attempt() == 1 { act } else { Act::Commit };
    let mut tx = pool.begin().await?;
    write(&mut tx, ctx.job_id()).await?;
    if act == Act::Fail {
        anyhow::bail!("no luck");
    }
    ctx.complete_in(&mut *tx, &7_u32).await?;
    if act == Act::RollBack {
        tx.rollback().await?;
        return Ok(7);
    }
    tx.commit().await?;
    match act {
        Act::CommitAndFail => anyhow::bail!("after the commit"),
        Act::CommitAndPanic => panic!("after the commit"),
        Act::CommitAndHang => std::future::pending().await,
        _ => Ok(7),
    }
}

/// Runs one job until it has ended, and says in how many attempts; its work was done once.
async fn attempts(first: Act) -> anyhow::Result<i16> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let job = act::job(first).enqueue(database.pool()).await?;

    while !job.status(database.pool()).await?.is_finished() {
        drain(worker::<act>(&database)).await?;
    }

    assert_eq!(job.wait(database.pool()).await?, 7);
    assert_eq!(entries(database.pool()).await?, 1);
    Ok(job.job(database.pool()).await?.attempt)
}

#[tokio::test]
async fn a_job_and_what_its_task_writes_commit_together() -> anyhow::Result<()> {
    assert_eq!(attempts(Act::Commit).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_task_that_fails_before_the_commit_runs_again() -> anyhow::Result<()> {
    assert_eq!(attempts(Act::Fail).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_has_not_completed_its_job() -> anyhow::Result<()> {
    assert_eq!(attempts(Act::RollBack).await?, 2);
    Ok(())
}

#[tokio::test]
async fn what_a_task_does_after_the_commit_does_not_matter() -> anyhow::Result<()> {
    for act in [Act::CommitAndFail, Act::CommitAndPanic, Act::CommitAndHang] {
        assert_eq!(attempts(act).await?, 1, "{act:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_error_of_a_completion_that_did_not_commit_says_so() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let job = act::job(Act::RollBack)
        .max_attempts(1)
        .enqueue(database.pool())
        .await?;

    drain(worker::<act>(&database)).await?;

    let job = job.job(database.pool()).await?;
    let error = "the completing transaction did not commit";
    assert_eq!(
        (job.state, job.error.as_deref()),
        (JobState::Failed, Some(error))
    );
    Ok(())
}

/// Gets at it wrongly, and says how it was refused.
#[pgq::task(name = "transaction/mistaken")]
async fn mistaken(ctx: &Context, pool: &PgPool) -> anyhow::Result<String> {
    let mut tx = pool.begin().await?;
    let refused = ctx.complete_in(&mut *tx, &7_u8).await;
    anyhow::ensure!(matches!(refused, Err(CompleteError::Type { .. })));
    let large = ctx.complete_in(&mut *tx, &"x".repeat(2000)).await;
    anyhow::ensure!(matches!(large, Err(CompleteError::TooLarge { .. })));
    tx.commit().await?;
    Ok("refused".to_owned())
}

#[tokio::test]
async fn a_result_that_cannot_be_the_tasks_is_refused_before_anything_is_sent() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let job = mistaken::enqueue(database.pool()).await?;

    drain(worker::<mistaken>(&database).result_max(1000)).await?;

    assert_eq!(job.wait(database.pool()).await?, "refused");
    Ok(())
}

/// Ignores that it is refused, and commits nevertheless.
#[pgq::task(name = "transaction/stubborn")]
async fn stubborn(ctx: &Context, pool: &PgPool, stops: &Stops) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    write(&mut tx, ctx.job_id()).await?;
    stops.stop().await;
    let refused = ctx.complete_in(&mut *tx, &()).await;
    let committed = tx.commit().await;
    stops.stop().await;
    anyhow::ensure!(matches!(refused, Err(CompleteError::Fenced { .. })) && committed.is_ok());
    Ok(())
}

/// Lets the lease of every worker end, and takes their jobs.
async fn rescue(pool: &PgPool) -> anyhow::Result<pgq::driver::Rescued> {
    sqlx::query("update pgq_jobs.worker set lease_until = now() - interval '1 s'")
        .execute(pool)
        .await?;
    let driver = PostgresDriver::new(pool.clone());
    Ok(driver.rescue(3).await?)
}

#[tokio::test]
async fn an_attempt_whose_job_was_taken_cannot_commit_whatever_it_does_about_it()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let (stops, stop) = (Stops::new(), CancellationToken::new());
    let job = stubborn::enqueue(database.pool()).await?;
    let run = worker::<stubborn>(&database)
        .state(stops.clone())
        // Its own heartbeats must not tell it.
        .lease(Duration::from_secs(3600))
        .concurrency(1)
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;

    assert_eq!(rescue(database.pool()).await?.ready, 1);
    stops.pass();
    stops.reached().await?;

    assert_eq!(entries(database.pool()).await?, 0);
    assert_eq!(job.status(database.pool()).await?, JobState::Ready);
    stops.pass();
    stop.cancel();
    Ok(running.await??)
}

/// Completes, stops before it commits, and commits.
#[pgq::task(name = "transaction/slow", backoff(fixed = "1ms"))]
async fn slow(ctx: &Context, pool: &PgPool, stops: &Stops) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    write(&mut tx, ctx.job_id()).await?;
    ctx.complete_in(&mut *tx, &()).await?;
    stops.stop().await;
    tx.commit().await?;
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_being_completed_is_not_rescued_and_holds_up_no_other() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let (slow_stops, stubborn_stops) = (Stops::new(), Stops::new());
    let job = slow::enqueue(database.pool()).await?;
    let stop = CancellationToken::new();
    let run = worker::<slow>(&database)
        .state(slow_stops.clone())
        .lease(Duration::from_secs(3600))
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    slow_stops.reached().await?;
    let other = stubborn::enqueue(database.pool()).await?;
    let run = worker::<stubborn>(&database)
        .state(stubborn_stops.clone())
        .lease(Duration::from_secs(3600))
        .stop_on(stop.clone());
    let other_running = tokio::spawn(run.into_future());
    stubborn_stops.reached().await?;

    let rescued = rescue(database.pool()).await?;
    assert_eq!((rescued.workers, rescued.ready), (1, 1));
    assert_eq!(job.status(database.pool()).await?, JobState::Running);
    assert_eq!(other.status(database.pool()).await?, JobState::Ready);
    // The worker that has a job left is as dead as the other.
    let driver = PostgresDriver::new(database.pool().clone());
    let workers = driver.workers().await?;
    assert_eq!(workers.len(), 1);
    let lease = Duration::from_secs(3600);
    assert!(!driver.heartbeat(workers[0].id, lease, 1).await?);

    slow_stops.pass();
    eventually("the job has completed", || async {
        Ok(job.status(database.pool()).await? == JobState::Completed)
    })
    .await?;
    assert_eq!(entries(database.pool()).await?, 1);
    assert_eq!(rescue(database.pool()).await?.ready, 0);
    stubborn_stops.passed.add_permits(10);
    stop.cancel();
    running.await??;
    Ok(other_running.await??)
}

/// Ends the session of every transaction that is open.
async fn cut_off(pool: &PgPool) -> anyhow::Result<()> {
    let cut: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where state = 'idle in transaction' and datname = current_database()",
    )
    .fetch_all(pool)
    .await?;
    anyhow::ensure!(cut == [true], "{cut:?}");
    Ok(())
}

#[pgq::test]
async fn a_completion_in_a_test_is_the_same(
    database: pgq::testing::Database,
) -> anyhow::Result<()> {
    ledger(database.pool()).await?;
    let job = act::job(Act::RollBack).enqueue(&database).await?;

    assert_eq!(database.run_due().await.retried(), 1);
    database.advance(Duration::from_secs(1)).await?;
    let _ = database.run_due().await;

    assert_eq!(job.wait(&database).await?, 7);
    assert_eq!(entries(database.pool()).await?, 1);
    Ok(())
}
