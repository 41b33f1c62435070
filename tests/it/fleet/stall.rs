//! Workers that stall past their lease, and go on.

use std::time::Duration;

use anyhow::ensure;
use pgq::driver::Driver as _;
use pgq::postgres::PostgresDriver;
use pgq::{JobId, JobState};
use pgq_tests::eventually;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::ledger::Event;
use pgq_tests::fleet::process::{Signal, Worker};
use pgq_tests::fleet::tasks::{self, End, Ran};
use sqlx::PgPool;

use super::{
    assert_completed, count, enqueue_notes, find, finished, fleet, ran, starts, until,
    until_started,
};

/// The lease of a worker that is to lose it.
const SHORT_LEASE: Duration = Duration::from_secs(1);

/// What a worker says when its late ends were refused.
const REFUSED: &str = "no longer this worker's";

/// What a worker says when its heartbeat is refused, or comes too late to be sent.
const LOST: &str = "lost the lease";

/// The lease of a worker that keeps it.
const LONG_LEASE: Duration = Duration::from_secs(60);

/// Stalls a worker until its lease has ended, and starts another one, which rescues its jobs.
/// Returns the other one.
async fn replace(pool: &PgPool, fleet: &Fleet, stalled: &Worker) -> anyhow::Result<Worker> {
    let id = stalled.registered(pool).await?;
    stalled.signal(Signal::Stop)?;
    eventually("the lease has ended", async || {
        let sql = "select lease_until <= now() from pgq_jobs.worker where id = $1";
        Ok(sqlx::query_scalar(sql).bind(id).fetch_one(pool).await?)
    })
    .await?;
    let other = fleet.worker().lease(LONG_LEASE).start()?;
    eventually("the worker is rescued", async || {
        let known: Option<i64> = sqlx::query_scalar("select id from pgq_jobs.worker where id = $1")
            .bind(id)
            .fetch_optional(pool)
            .await?;
        Ok(known.is_none())
    })
    .await?;
    Ok(other)
}

/// A job that is begun by a worker which stalls, runs in another one in the meantime, and then ends
/// in the first one as `end` says. Returns what is left of it.
async fn end_late(end: End) -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    let job = tasks::gated::enqueue(pool, gate.clone(), end).await?.id();
    let stalled = fleet.worker().lease(SHORT_LEASE).start()?;
    until_started(&fleet, job, stalled.number()).await?;

    let other = replace(pool, &fleet, &stalled).await?;
    until_started(&fleet, job, other.number()).await?;
    let held = find(pool, job).await?;
    // The late end comes while the other worker holds the job under the same attempt.
    other.signal(Signal::Stop)?;
    fleet.open(&gate)?;
    stalled.signal(Signal::Continue)?;
    stalled.says(LOST).await?;
    stalled.says(REFUSED).await?;

    let after = find(pool, job).await?;
    assert_eq!(after.state, JobState::Running);
    assert_eq!(
        (after.attempt, after.deliveries, after.claimed_at),
        (held.attempt, held.deliveries, held.claimed_at)
    );
    let late_errors = "select count(*) from pgq_jobs.failure where error <> 'the worker died'";
    assert_eq!(count(pool, late_errors).await?, 0);
    other.signal(Signal::Continue)?;
    assert_ended_by(pool, job, end, other.number()).await?;
    assert_goes_on(pool, &fleet, &stalled, other).await
}

#[tokio::test]
async fn a_transaction_of_a_worker_that_stalled_does_not_commit() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    sqlx::query("create table payment (worker bigint not null)")
        .execute(pool)
        .await?;
    let gate = fleet.gate("gate");
    let job = tasks::pay::enqueue(pool, gate.clone()).await?.id();
    let stalled = fleet.worker().lease(SHORT_LEASE).start()?;
    until_started(&fleet, job, stalled.number()).await?;

    let other = replace(pool, &fleet, &stalled).await?;
    until_started(&fleet, job, other.number()).await?;
    fleet.open(&gate)?;
    stalled.signal(Signal::Continue)?;
    stalled.says(LOST).await?;

    let done = until(pool, job, JobState::Completed).await?;
    assert_eq!(ran(done.result.as_deref())?.worker, other.number());
    assert_goes_on(pool, &fleet, &stalled, other).await?;
    assert_eq!(count(pool, "select count(*) from payment").await?, 1);
    Ok(())
}

/// Checks that the end of a job is the one that `worker` has told.
async fn assert_ended_by(pool: &PgPool, job: JobId, end: End, worker: u32) -> anyhow::Result<()> {
    let expected = Ran {
        worker,
        deliveries: 2,
    };
    match end {
        End::Complete => {
            let done = until(pool, job, JobState::Completed).await?;
            assert_eq!(ran(done.result.as_deref())?, expected);
        }
        End::Fail => {
            let failed = until(pool, job, JobState::Failed).await?;
            let error = failed.error.unwrap_or_default();
            assert_eq!(error, format!("worker {worker} gave up"));
        }
        End::Retry | End::Panic => {
            let scheduled = until(pool, job, JobState::Scheduled).await?;
            let error = scheduled.error.unwrap_or_default();
            ensure!(error.contains(&format!("worker {worker} ")), "{error}");
            assert_eq!(scheduled.attempt, 1);
        }
    }
    Ok(())
}

/// Checks that a worker that has stalled goes on as a new one and completes new jobs.
async fn assert_goes_on(
    pool: &PgPool,
    fleet: &Fleet,
    stalled: &Worker,
    mut other: Worker,
) -> anyhow::Result<()> {
    stalled.registered(pool).await?;
    other.signal(Signal::Terminate)?;
    ensure!(other.end().await?.success(), "the other worker failed");
    let job = tasks::note::enqueue(pool, 1).await?.id();
    let done = until(pool, job, JobState::Completed).await?;
    let by = ran(done.result.as_deref())?.worker;
    assert_eq!(by, stalled.number());
    ensure!(starts(&fleet.records()?).contains_key(&job), "not begun");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_was_rescued_cannot_complete_a_job() -> anyhow::Result<()> {
    end_late(End::Complete).await
}

#[tokio::test]
async fn a_worker_that_was_rescued_cannot_fail_a_job() -> anyhow::Result<()> {
    end_late(End::Fail).await
}

#[tokio::test]
async fn a_worker_that_was_rescued_cannot_let_a_job_run_again() -> anyhow::Result<()> {
    end_late(End::Retry).await
}

#[tokio::test]
async fn a_panic_in_a_worker_that_was_rescued_does_not_count() -> anyhow::Result<()> {
    end_late(End::Panic).await
}

#[tokio::test]
async fn jobs_that_waited_in_a_worker_that_stalled_run_elsewhere() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let gate = fleet.gate("gate");
    // Quick jobs let the worker fetch ahead, the slow one lets what it has fetched wait.
    let mut jobs = enqueue_notes(pool, 500).await?;
    let slow = tasks::gated::enqueue(pool, gate.clone(), End::Complete)
        .await?
        .id();
    jobs.push(slow);
    jobs.extend(enqueue_notes(pool, 300).await?);
    let stalled = fleet.worker().lease(SHORT_LEASE).concurrency(1).start()?;
    until_started(&fleet, slow, stalled.number()).await?;
    let id = stalled.registered(pool).await?;
    stalled.signal(Signal::Stop)?;
    let held: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.running where worker = $1")
        .bind(id)
        .fetch_one(pool)
        .await?;
    ensure!(held > 1, "the worker has fetched nothing ahead");

    fleet.open(&gate)?;
    let other = replace(pool, &fleet, &stalled).await?;
    assert_completed(pool, &jobs).await?;
    stalled.signal(Signal::Continue)?;
    stalled.says("starting again as another worker").await?;

    let finished = finished(pool).await?;
    assert_eq!(finished.len(), jobs.len());
    let taken = finished.values().filter(|row| row.deaths > 0);
    for row in taken.clone() {
        assert_eq!((row.deliveries, row.attempt), (2, 1), "{row:?}");
        assert_eq!(ran(row.result.as_deref())?.worker, other.number());
    }
    assert_eq!(i64::try_from(taken.count())?, held);
    assert_eq!(super::unfinished(pool).await?, 0);
    assert_goes_on(pool, &fleet, &stalled, other).await
}

#[tokio::test]
async fn an_attempt_of_a_worker_that_was_rescued_is_cancelled() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let job = tasks::obedient::enqueue(pool, End::Complete).await?.id();
    let stalled = fleet.worker().lease(SHORT_LEASE).start()?;
    until_started(&fleet, job, stalled.number()).await?;

    let other = replace(pool, &fleet, &stalled).await?;
    until_started(&fleet, job, other.number()).await?;
    stalled.signal(Signal::Continue)?;
    stalled.says(REFUSED).await?;

    let cancelled = fleet
        .records()?
        .into_iter()
        .filter(|record| record.event == Event::Cancelled);
    let by: Vec<u32> = cancelled.map(|record| record.worker).collect();
    assert_eq!(by, [stalled.number()]);
    assert_eq!(find(pool, job).await?.state, JobState::Running);
    Ok(())
}

/// A worker whose slots are taken does not claim, so only its heartbeats tell it.
#[tokio::test]
async fn a_worker_that_claims_nothing_learns_that_it_was_rescued() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    tasks::obedient::enqueue(pool, End::Complete).await?;
    let worker = fleet.worker().concurrency(1).start()?;
    let id = worker.registered(pool).await?;
    eventually("the job has begun", async || {
        Ok(!fleet.records()?.is_empty())
    })
    .await?;

    let driver = PostgresDriver::new(pool.clone());
    eventually("the worker is rescued", async || {
        // A heartbeat may come before the rescue; or a last claim, which finds the lease lost by itself.
        let end = "update pgq_jobs.worker set lease_until = now() where id = $1";
        let ended = sqlx::query(end).bind(id).execute(pool).await?;
        let is_gone = ended.rows_affected() == 0;
        Ok(is_gone || driver.rescue(i16::MAX).await?.workers == 1)
    })
    .await?;

    eventually("the attempt is cancelled", async || {
        let mut records = fleet.records()?.into_iter();
        Ok(records.any(|record| record.event == Event::Cancelled))
    })
    .await
}
