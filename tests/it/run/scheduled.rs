//! Jobs that are not yet due, priorities, and runs that end by themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgq::{JobState, Queue};
use pgq_tests::database::TestDatabase;

use super::{count, drain, worker};

/// What has run, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u32>>>);

impl Log {
    fn push(&self, number: u32) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(number);
    }

    fn take(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pgq::task]
async fn note(log: &Log, number: u32) {
    log.push(number);
}

#[pgq::task(queue = "slow")]
async fn note_slowly(log: &Log, number: u32) {
    log.push(number);
}

/// Enqueues the next number, until it is zero.
#[pgq::task]
async fn count_down(log: &Log, pool: &sqlx::PgPool, from: u32) -> pgq::Result<()> {
    log.push(from);
    if from > 0 {
        count_down::enqueue(pool, from - 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn higher_priorities_run_first_and_equal_ones_in_order() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let log = Log::default();
    for (number, priority) in [(1, 0), (2, 9), (3, 5), (4, 9), (5, 0)] {
        note::job(number).priority(priority).enqueue(pool).await?;
    }

    drain(worker::<note>(&database).state(log.clone()).concurrency(1)).await?;

    assert_eq!(log.take(), [2, 4, 3, 1, 5]);
    Ok(())
}

#[tokio::test]
async fn a_delayed_job_waits_until_it_is_due() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let log = Log::default();
    let long = Duration::from_secs(3600);
    let later = note::job(1).delay(long).enqueue(pool).await?;
    let past = chrono::Utc::now() - chrono::TimeDelta::days(1);
    note::job(2).run_at(past).enqueue(pool).await?;
    note::job(3).run_at(past + long * 48).enqueue(pool).await?;
    note::job(4).delay(Duration::ZERO).enqueue(pool).await?;

    drain(worker::<note>(&database).state(log.clone())).await?;

    let mut ran = log.take();
    ran.sort_unstable();
    assert_eq!(ran, [2, 4]);
    assert_eq!(later.status(pool).await?, JobState::Scheduled);
    assert_eq!(count(pool, "scheduled").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_delayed_job_runs_when_it_is_due_in_a_worker_that_waits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = tokio_util::sync::CancellationToken::new();
    // Nothing but the time it is due wakes this worker within the test.
    let run = worker::<note>(&database)
        .state(Log::default())
        .poll_interval(Duration::from_secs(3600))
        .stop_on(stop.clone());
    let running = tokio::spawn(async move { run.await });

    let job = note::job(1)
        .delay(Duration::from_millis(200))
        .enqueue(pool)
        .await?;
    job.wait_for(pool, super::DEADLINE).await?;
    stop.cancel();
    running.await??;

    let stored = job.job(pool).await?;
    let waited = stored.claimed_at.map(|claimed| claimed - stored.created_at);
    assert!(
        waited >= Some(chrono::TimeDelta::milliseconds(200)),
        "{waited:?}"
    );
    Ok(())
}

#[tokio::test]
async fn until_idle_also_runs_what_its_jobs_enqueue() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let log = Log::default();
    count_down::enqueue(database.pool(), 5).await?;

    let report = drain(worker::<count_down>(&database).state(log.clone())).await?;

    assert_eq!(report.completed, 6);
    assert_eq!(log.take(), [5, 4, 3, 2, 1, 0]);
    Ok(())
}

#[tokio::test]
async fn once_leaves_what_becomes_ready_later() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let log = Log::default();
    count_down::enqueue(database.pool(), 5).await?;
    count_down::enqueue(database.pool(), 0).await?;

    let run = worker::<count_down>(&database).state(log.clone());
    let report = run.once().deadline(super::DEADLINE).await?;

    assert!(report.idle);
    let mut ran = log.take();
    ran.sort_unstable();
    assert_eq!(ran, [0, 5]);
    assert_eq!(count(database.pool(), "ready").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_worker_serves_the_queues_that_it_is_told_to() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let log = Log::default();
    note::enqueue(pool, 1).await?;
    let slow = note_slowly::enqueue(pool, 2).await?;

    let run = worker::<note>(&database)
        .task::<note_slowly>()
        .state(log.clone())
        .queue(Queue::new("default").concurrency(1))
        .served_elsewhere("slow");
    drain(run).await?;

    assert_eq!(log.take(), [1]);
    assert_eq!(slow.status(pool).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn no_more_jobs_run_at_once_than_allowed() -> anyhow::Result<()> {
    /// How many run, and the most that ever did.
    #[derive(Clone, Default)]
    struct Gauge(Arc<Mutex<(usize, usize)>>);

    #[pgq::task]
    async fn overlap(gauge: &Gauge) {
        {
            let mut gauge = gauge.0.lock().unwrap_or_else(PoisonError::into_inner);
            gauge.0 += 1;
            gauge.1 = gauge.1.max(gauge.0);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        gauge.0.lock().unwrap_or_else(PoisonError::into_inner).0 -= 1;
    }

    let database = TestDatabase::migrated().await?;
    for (limit, queue) in [
        (7, Queue::new("default")),
        (100, Queue::new("default").concurrency(3)),
    ] {
        overlap::enqueue_many(database.pool(), [(); 200]).await?;
        let gauge = Gauge::default();
        let run = worker::<overlap>(&database)
            .state(gauge.clone())
            .concurrency(limit)
            .queue(queue);
        drain(run).await?;

        let most = gauge.0.lock().unwrap_or_else(PoisonError::into_inner).1;
        assert_eq!(most, limit.min(if limit == 100 { 3 } else { 7 }));
    }
    Ok(())
}
