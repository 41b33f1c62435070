//! Tasks that hold the threads of their worker.

use std::time::Duration;

use anyhow::ensure;
use pgq::driver::Cancellation;
use pgq::{JobHandle, JobState};
use pgq_tests::eventually;
use pgq_tests::fleet::process::Signal;
use pgq_tests::fleet::tasks;
use sqlx::PgPool;

use super::{count, enqueue_notes, find, fleet, ran, until, until_started};

/// More than a machine for tests has processors, and so a runtime threads.
const THREADS: usize = 64;

const LEASE: Duration = Duration::from_secs(1);

/// For how many milliseconds the lease of the only worker is sure to last, from a fixed time on.
async fn lease_until(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select (extract(epoch from lease_until) * 1000)::bigint from pgq_jobs.worker";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

#[tokio::test]
async fn heartbeats_go_on_while_tasks_hold_every_thread() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let jobs = tasks::hog::enqueue_many(pool, vec![gate.clone(); THREADS]).await?;
    let worker = fleet.worker().lease(LEASE).concurrency(THREADS).start()?;

    worker.says("a task has held its thread").await?;
    worker.says("hog").await?;
    let before = lease_until(pool).await?;
    eventually("the lease was renewed for twice its time", || async {
        Ok(lease_until(pool).await? > before + 2 * 1000)
    })
    .await?;
    fleet.open(&gate)?;

    for job in jobs {
        let done = until(pool, job.id(), JobState::Completed).await?;
        assert_eq!((done.deliveries, done.deaths), (1, 0));
    }
    Ok(())
}

#[tokio::test]
async fn a_task_that_holds_its_thread_past_its_time_limit_frees_its_slot() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let stuck = tasks::overrun::enqueue(pool, gate.clone()).await?.id();
    let mut worker = fleet.worker().concurrency(1).start()?;
    until_started(&fleet, stuck, worker.number()).await?;
    let next = enqueue_notes(pool, 1).await?;

    until(pool, next[0], JobState::Completed).await?;
    worker.says("does not end although it must").await?;
    let timed_out = until(pool, stuck, JobState::Failed).await?;
    assert_eq!(timed_out.error.as_deref(), Some("timed out after 200ms"));

    // What it returns is too late.
    fleet.open(&gate)?;
    worker
        .says("an attempt that counted no more has ended")
        .await?;
    worker.signal(Signal::Terminate)?;
    ensure!(worker.end().await?.success(), "the worker failed");
    let stored = find(pool, stuck).await?;
    assert_eq!((stored.state, stored.result), (JobState::Failed, None));
    assert_eq!(
        count(pool, "select count(*) from pgq_jobs.worker").await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn a_task_that_holds_its_thread_can_be_cancelled() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let stuck: JobHandle<_> = tasks::hog::enqueue(pool, gate.clone()).await?;
    let worker = fleet.worker().concurrency(1).start()?;
    until_started(&fleet, stuck.id(), worker.number()).await?;
    let next = enqueue_notes(pool, 1).await?;

    assert_eq!(stuck.cancel(pool).await?, Cancellation::Requested);

    until(pool, stuck.id(), JobState::Cancelled).await?;
    let done = until(pool, next[0], JobState::Completed).await?;
    assert_eq!(ran(done.result.as_deref())?.worker, worker.number());
    fleet.open(&gate)
}

#[tokio::test]
async fn a_task_that_holds_the_thread_that_waits_for_all_holds_up_no_other() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let stuck = tasks::hog_driver::enqueue(pool, gate.clone()).await?;
    let worker = fleet.worker().concurrency(2).start()?;
    until_started(&fleet, stuck.id(), worker.number()).await?;

    let next = enqueue_notes(pool, 1).await?;
    until(pool, next[0], JobState::Completed).await?;
    assert_eq!(stuck.cancel(pool).await?, Cancellation::Requested);
    until(pool, stuck.id(), JobState::Cancelled).await?;
    fleet.open(&gate)
}

#[tokio::test]
async fn a_thread_that_goes_on_after_its_time_limit_is_named() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let stuck = tasks::overrun_blocking::enqueue(pool, gate.clone())
        .await?
        .id();
    let worker = fleet.worker().concurrency(1).start()?;

    worker.says("goes on after its attempt").await?;

    let timed_out = until(pool, stuck, JobState::Failed).await?;
    assert_eq!(timed_out.error.as_deref(), Some("timed out after 200ms"));
    fleet.open(&gate)
}
