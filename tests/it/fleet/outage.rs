//! Workers whose server goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use pgq::embedded::{Cluster, Shutdown};
use pgq::{JobId, JobState, Pgq};
use pgq_tests::eventually;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::ledger::Event;
use pgq_tests::fleet::process::Worker;
use pgq_tests::fleet::tasks::{self, End};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::{
    assert_completed, count, finished, fleet, seeded, starts, until, until_finished, until_started,
};

/// How many jobs one enqueue adds.
const BATCH: u32 = 20;

/// How many jobs have finished between two outages, at least.
const BETWEEN: usize = 500;

/// How often the server goes away.
const OUTAGES: usize = 4;

/// How often every connection is cut.
const CUTS: usize = 8;

/// Cuts the workers' connections, not those of this test.
const CUT: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                   where datname = current_database() and application_name = 'pgq'";

/// The locks of workers that wait for wake-ups, on the connections that listen.
const LISTENING: &str = "select count(*) from pg_locks
                         where locktype = 'advisory' and mode = 'ShareLock' and granted
                           and database = (select oid from pg_database
                                           where datname = current_database())";

/// Enqueues without a pause until it is told to stop, whatever happens to the server. Returns the
/// jobs that the server has confirmed.
async fn stream(pool: PgPool, stop: Arc<AtomicBool>) -> Vec<JobId> {
    let mut confirmed = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        // An error leaves open whether they were added.
        if let Ok(handles) = tasks::note::enqueue_many(&pool, 0..BATCH).await {
            confirmed.extend(handles.iter().map(pgq::JobHandle::id));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    confirmed
}

/// Starts two workers.
fn two_workers(fleet: &Fleet) -> anyhow::Result<Vec<Worker>> {
    let start = || fleet.worker().lease(Duration::from_secs(2)).start();
    Ok(vec![start()?, start()?])
}

/// Checks that everything that was enqueued has completed once, and that no worker has ended.
async fn assert_survived(
    pool: &PgPool,
    confirmed: &[JobId],
    workers: &mut [Worker],
) -> anyhow::Result<()> {
    // What an enqueuer has not heard of may be there as well.
    let all = "select count(*) from pgq_jobs.job";
    until_finished(pool, count(pool, all).await?).await?;
    let jobs: Vec<JobId> = finished(pool).await?.into_keys().collect();
    let finished = assert_completed(pool, &jobs).await?;
    for job in confirmed {
        ensure!(finished.contains_key(job), "a job is lost: {job:?}");
    }
    for worker in workers {
        let ended = worker.ended()?;
        ensure!(ended.is_none(), "a worker has ended by itself: {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn workers_live_through_restarts_of_the_server() -> anyhow::Result<()> {
    let mut random = seeded()?;
    let mut cluster =
        tokio::task::spawn_blocking(|| Cluster::builder().durable().start()).await??;
    let url = cluster.url("postgres");
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy(&url)?;
    Pgq::from_pool(pool.clone()).migrate().await?;
    let fleet = Fleet::new(env!("CARGO_BIN_EXE_fleet_worker"), url)?;
    let mut workers = two_workers(&fleet)?;
    let stop = Arc::new(AtomicBool::new(false));
    let enqueuer = tokio::spawn(stream(pool.clone(), Arc::clone(&stop)));

    let mut before = 0;
    for _ in 0..OUTAGES {
        until_finished(&pool, before + BETWEEN).await?;
        let how = [Shutdown::Immediate, Shutdown::Kill, Shutdown::Fast];
        let how = how[random.usize(..how.len())];
        cluster = tokio::task::spawn_blocking(move || {
            cluster.restart(how).map(|()| cluster).context("no restart")
        })
        .await??;
        before = reconnected(&pool).await?;
    }
    until_finished(&pool, before + BETWEEN).await?;
    stop.store(true, Ordering::Relaxed);
    let confirmed = enqueuer.await?;

    assert_survived(&pool, &confirmed, &mut workers).await
}

/// Waits until the pool has found the server again, and counts what has finished.
async fn reconnected(pool: &PgPool) -> anyhow::Result<usize> {
    let mut finished = Err(anyhow::anyhow!("not asked"));
    // Each connection of the pool that the server has cut fails once.
    for _ in 0..20 {
        finished = count(pool, "select count(*) from pgq_jobs.finished").await;
        if finished.is_ok() {
            break;
        }
    }
    finished
}

#[tokio::test]
async fn workers_live_through_cut_connections() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let mut workers = two_workers(&fleet)?;
    let stop = Arc::new(AtomicBool::new(false));
    let enqueuer = tokio::spawn(stream(pool.clone(), Arc::clone(&stop)));

    let mut before = 0;
    for _ in 0..CUTS {
        until_finished(pool, before + BETWEEN).await?;
        ensure!(count(pool, CUT).await? > 0, "there was nothing to cut");
        before = count(pool, "select count(*) from pgq_jobs.finished").await?;
    }
    until_finished(pool, before + BETWEEN).await?;
    stop.store(true, Ordering::Relaxed);
    let confirmed = enqueuer.await?;

    assert_survived(pool, &confirmed, &mut workers).await?;
    // The server itself has lost nothing, so that no execution is without its delivery.
    let starts = starts(&fleet.records()?);
    for (job, row) in finished(pool).await? {
        let executions = starts.get(&job).map(Vec::len).unwrap_or_default();
        ensure!(
            i32::try_from(executions)? <= row.deliveries,
            "{row:?} was begun {executions} times"
        );
    }
    Ok(())
}

#[tokio::test]
async fn attempts_are_cancelled_before_the_lease_ends_while_the_server_is_down()
-> anyhow::Result<()> {
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::builder().start()).await??;
    let url = cluster.url("postgres");
    let pool = PgPoolOptions::new().connect_lazy(&url)?;
    Pgq::from_pool(pool.clone()).migrate().await?;
    let fleet = Fleet::new(env!("CARGO_BIN_EXE_fleet_worker"), url)?;
    let job = tasks::obedient::enqueue(&pool, End::Complete).await?.id();
    let mut worker = fleet.worker().lease(Duration::from_secs(4)).start()?;
    until_started(&fleet, job, worker.number()).await?;
    let id = worker.registered(&pool).await?;

    cluster = tokio::task::spawn_blocking(move || {
        cluster
            .halt(Shutdown::Fast)
            .map(|()| cluster)
            .context("no halt")
    })
    .await??;
    eventually("the attempt is cancelled", async || {
        let records = fleet.records()?;
        Ok(records
            .iter()
            .any(|record| record.event == Event::Cancelled))
    })
    .await?;
    let cancelled = DateTime::<Utc>::from(SystemTime::now());
    worker.kill()?;
    let _cluster = tokio::task::spawn_blocking(move || {
        cluster.resume().map(|()| cluster).context("no resumption")
    })
    .await??;

    reconnected(&pool).await?;
    // The server runs on the clock of this machine.
    let lease_until: DateTime<Utc> =
        sqlx::query_scalar("select lease_until from pgq_jobs.worker where id = $1")
            .bind(id)
            .fetch_one(&pool)
            .await?;
    ensure!(
        cancelled < lease_until,
        "cancelled at {cancelled}, but the lease ended at {lease_until}"
    );
    Ok(())
}

/// Claims a job in the name of a worker, which does not learn of it: as if the answer was lost.
const CLAIM_UNHEARD: &str = "
    with taken as (
        delete from pgq_jobs.ready where id = $1 returning *
    )
    insert into pgq_jobs.running
        (id, worker, claim, fingerprint, created_at, claimed_at, deliveries, priority, attempt,
         max_attempts, deaths, marks, queue, task, input)
    select id, $2, 1000000, fingerprint, created_at, now(), deliveries + 1, priority, attempt + 1,
           max_attempts, deaths, marks, queue, task, input
    from taken
";

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_given_back() -> anyhow::Result<()> {
    let (database, fleet) = fleet().await?;
    let pool = database.pool();
    let worker = fleet.worker().start()?;
    let id = worker.registered(pool).await?;
    // Before that there is no connection whose loss it would notice.
    eventually("the worker listens", async || {
        Ok(count(pool, LISTENING).await? > 0)
    })
    .await?;
    let mut transaction = pool.begin().await?;
    let job = tasks::note::enqueue(&mut transaction, 1).await?.id();
    sqlx::query(CLAIM_UNHEARD)
        .bind(job.as_i64())
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;

    sqlx::query(CUT).execute(pool).await?;

    let done = until(pool, job, JobState::Completed).await?;
    assert_eq!((done.attempt, done.deaths, done.deliveries), (1, 0, 2));
    assert_eq!(worker.id(pool).await?, Some(id));
    Ok(())
}
