//! Workers that are told to end.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use pgq::{JobId, JobState, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::ledger::{Event, Record};
use pgq_tests::fleet::process::Signal;
use pgq_tests::fleet::tasks::{self, End};
use pgq_tests::{PATIENCE, eventually};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::{count, enqueue_notes, find, finished, fleet, ran, unfinished, until, until_started};

/// The time that running jobs are given where they do not end in it.
const DEADLINE: Duration = Duration::from_secs(1);

/// How much longer than promised an end may take on a busy machine.
const LENIENCE: Duration = Duration::from_secs(10);

/// Checks that a job was given back and waits as if it had never been begun.
async fn assert_given_back(pool: &PgPool, job: JobId) -> anyhow::Result<()> {
    let job = find(pool, job).await?;
    assert_eq!(job.state, JobState::Ready, "{job:?}");
    assert_eq!((job.attempt, job.deaths), (0, 0), "{job:?}");
    Ok(())
}

/// Checks that no worker is registered any more.
async fn assert_all_deregistered(pool: &PgPool) -> anyhow::Result<()> {
    let workers = "select count(*) from pgq_jobs.worker";
    assert_eq!(count(pool, workers).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_gives_back_what_it_has_not_begun() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let quick = enqueue_notes(pool, 500).await?;
    let slow = tasks::gated::enqueue(pool, gate.clone(), End::Complete)
        .await?
        .id();
    let waiting = enqueue_notes(pool, 300).await?;
    let mut worker = fleet.worker().concurrency(1).start()?;
    until_started(&fleet, slow, worker.number()).await?;

    worker.signal(Signal::Terminate)?;
    eventually("only the job that runs is held", async || {
        let ready = "select count(*) from pgq_jobs.ready where attempt = 0 and deaths = 0";
        let running = "select count(*) from pgq_jobs.running";
        Ok(count(pool, ready).await? == waiting.len() && count(pool, running).await? == 1)
    })
    .await?;
    ensure!(worker.ended()?.is_none(), "it did not wait for its job");
    fleet.open(&gate)?;

    ensure!(worker.end().await?.success(), "the worker failed");
    let finished = finished(pool).await?;
    assert_eq!(finished.len(), quick.len() + 1);
    ensure!(finished.values().all(|row| row.state == 1), "not completed");
    ensure!(finished.contains_key(&slow), "the slow job is missing");
    let fetched = "select count(*) from pgq_jobs.ready where deliveries > 0";
    ensure!(count(pool, fetched).await? > 0, "nothing was fetched ahead");
    assert_eq!(unfinished(pool).await?, waiting.len());
    assert_eq!(
        count(pool, "select count(*) from pgq_jobs.failure").await?,
        0
    );
    assert_all_deregistered(pool).await
}

#[tokio::test]
async fn a_job_that_outlasts_the_deadline_is_given_back() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let closed = fleet.gate("closed");
    let stubborn = tasks::gated::enqueue(pool, closed, End::Complete)
        .await?
        .id();
    let failing = tasks::obedient::enqueue(pool, End::Retry).await?.id();
    let last = tasks::obedient::job(End::Retry)
        .max_attempts(1)
        .enqueue(pool)
        .await?
        .id();
    let done = tasks::obedient::enqueue(pool, End::Complete).await?.id();
    let mut worker = fleet.worker().drain_deadline(DEADLINE).start()?;
    for job in [stubborn, failing, last, done] {
        until_started(&fleet, job, worker.number()).await?;
    }

    let told = Instant::now();
    worker.signal(Signal::Terminate)?;

    ensure!(worker.end().await?.success(), "the worker failed");
    let took = told.elapsed();
    ensure!(took >= DEADLINE, "it did not wait: {took:?}");
    ensure!(took < DEADLINE + LENIENCE, "it took {took:?}");
    assert_eq!(cancelled(&fleet)?, 3);
    for job in [stubborn, failing, last] {
        assert_given_back(pool, job).await?;
    }
    let done = find(pool, done).await?;
    assert_eq!(done.state, JobState::Completed);
    assert_all_deregistered(pool).await
}

/// How many attempts have noticed that they were cancelled.
fn cancelled(fleet: &Fleet) -> anyhow::Result<usize> {
    let records = fleet.records()?;
    let cancelled = |record: &&_| {
        matches!(
            record,
            Record {
                event: Event::Cancelled,
                ..
            }
        )
    };
    Ok(records.iter().filter(cancelled).count())
}

#[tokio::test]
async fn a_second_signal_ends_a_worker_at_once() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let closed = fleet.gate("closed");
    let job = tasks::gated::enqueue(pool, closed.clone(), End::Complete)
        .await?
        .id();
    // Far beyond what the test has patience for.
    let mut worker = fleet
        .worker()
        .drain_deadline(Duration::from_secs(3600))
        .start()?;
    until_started(&fleet, job, worker.number()).await?;

    worker.signal(Signal::Terminate)?;
    worker.says("draining").await?;
    ensure!(worker.ended()?.is_none(), "the first signal did not drain");
    let told = Instant::now();
    worker.signal(Signal::Terminate)?;

    ensure!(worker.end().await?.success(), "the worker failed");
    let took = told.elapsed();
    ensure!(took < LENIENCE, "it took {took:?}");
    assert_given_back(pool, job).await?;
    assert_all_deregistered(pool).await?;
    let heir = fleet.worker().start()?;
    fleet.open(&closed)?;
    let done = until(pool, job, JobState::Completed).await?;
    assert_eq!(ran(done.result.as_deref())?.worker, heir.number());
    assert_eq!((done.attempt, done.deliveries), (1, 2));
    Ok(())
}

#[tokio::test]
async fn a_worker_that_cannot_start_yet_can_be_told_to_end() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql("lock table pgq_jobs.migration in access exclusive mode")
        .execute(&mut *transaction)
        .await?;
    let mut worker = fleet.worker().start()?;
    eventually("the start waits for the lock", async || {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        Ok(count(pool, waiting).await? == 1)
    })
    .await?;

    worker.signal(Signal::Terminate)?;

    ensure!(worker.end().await?.success(), "the worker failed");
    transaction.rollback().await?;
    assert_all_deregistered(pool).await
}

/// Says when it is dropped.
struct Witness(CancellationToken);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What a job of [`watched`] tells.
#[derive(Default)]
struct Watch {
    begun: CancellationToken,
    dropped: CancellationToken,
}

/// Never ends.
#[pgq::task]
async fn watched(watch: &Watch) {
    let _witness = Witness(watch.dropped.clone());
    watch.begun.cancel();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn no_attempt_outlives_a_run_that_is_dropped() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    // The first takes the only slot, the second must not get it.
    watched::enqueue(pool).await?;
    watched::enqueue(pool).await?;
    let watch = Watch::default();
    let (begun, dropped) = (watch.begun.clone(), watch.dropped.clone());
    let run = Run::new(Registry::new())
        .task::<watched>()
        .state(watch)
        .pool(pool.clone())
        .concurrency(1)
        .without_signals()
        .into_future();

    tokio::select! {
        ended = run => ended?,
        () = begun.cancelled() => {}
    }

    tokio::time::timeout(PATIENCE, dropped.cancelled()).await?;
    Ok(())
}
