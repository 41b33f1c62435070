//! Large inputs that cannot be read, or whose jobs are lost meanwhile.

use std::future::IntoFuture as _;
use std::time::Duration;

use pgq::{CancellationToken, JobState, Pgq};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::super::{DEADLINE, count, drain, worker};
use super::{MIB, hurry, text, weigh};

#[tokio::test]
async fn a_job_whose_input_is_gone_fails_and_says_so() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gone = weigh::enqueue(pool, text(MIB), 1).await?;
    sqlx::query("delete from pgq_jobs.large_input")
        .execute(pool)
        .await?;
    let there = weigh::enqueue(pool, text(MIB), 1).await?;

    drain(worker::<weigh>(&database)).await?;

    let job = gone.job(pool).await?;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(
        job.error.as_deref(),
        Some("the input is gone: `large_input` has no row of this job")
    );
    assert_eq!(there.wait(pool).await?, MIB);
    Ok(())
}

#[tokio::test]
async fn an_input_that_cannot_be_read_costs_an_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let pgq = Pgq::from_pool(pool.clone());
    pgq.pause_task("weigh").await?;
    let job = weigh::enqueue(pool, text(MIB), 1).await?;
    // A worker does not start without the table.
    let stop = CancellationToken::new();
    let run = worker::<weigh>(&database).stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    eventually("the worker lives", async || {
        Ok(count(pool, "worker").await? == 1)
    })
    .await?;
    sqlx::query("alter table pgq_jobs.large_input rename to elsewhere")
        .execute(pool)
        .await?;

    pgq.resume_task("weigh").await?;
    eventually("the attempt fails", async || {
        Ok(count(pool, "failure").await? == 1)
    })
    .await?;
    stop.cancel();
    running.await??;
    sqlx::query("alter table pgq_jobs.elsewhere rename to large_input")
        .execute(pool)
        .await?;
    let failed = job.job(pool).await?;
    hurry(pool).await?;
    drain(worker::<weigh>(&database)).await?;

    let error = failed.error.unwrap_or_default();
    assert!(error.starts_with("the input cannot be read: "), "{error}");
    assert_eq!(job.wait_for(pool, DEADLINE).await?, MIB);
    assert_eq!(job.job(pool).await?.attempt, 2);
    Ok(())
}

/// The server processes that wait for the lock of a table.
async fn waiting_for(pool: &PgPool, table: &str) -> anyhow::Result<Vec<i32>> {
    let waiting = "select pid from pg_locks
                   where relation = ('pgq_jobs.' || $1)::regclass and not granted
                     and database = (select oid from pg_database where datname = current_database())";
    Ok(sqlx::query_scalar(waiting)
        .bind(table)
        .fetch_all(pool)
        .await?)
}

/// Waits until a server process waits for the lock of a table.
async fn until_wanted(pool: &PgPool, table: &str) -> anyhow::Result<i32> {
    eventually("somebody waits for the table", async || {
        Ok(!waiting_for(pool, table).await?.is_empty())
    })
    .await?;
    Ok(waiting_for(pool, table).await?[0])
}

#[tokio::test]
async fn an_input_is_read_again_when_the_connection_is_lost() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = weigh::enqueue(pool, text(MIB), 1).await?;
    let mut lock = pool.begin().await?;
    sqlx::query("lock table pgq_jobs.large_input")
        .execute(&mut *lock)
        .await?;
    let running = tokio::spawn(drain(worker::<weigh>(&database)));

    let first = until_wanted(pool, "large_input").await?;
    sqlx::query("select pg_terminate_backend($1)")
        .bind(first)
        .execute(pool)
        .await?;
    eventually("it is read again", async || {
        let readers = waiting_for(pool, "large_input").await?;
        Ok(readers.iter().any(|pid| *pid != first))
    })
    .await?;
    lock.rollback().await?;

    running.await??;
    assert_eq!(job.wait_for(pool, DEADLINE).await?, MIB);
    let stored = job.job(pool).await?;
    assert_eq!((stored.attempt, stored.deliveries), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_lost_while_its_input_is_read_does_not_start() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = weigh::enqueue(pool, text(MIB), 1).await?;
    let mut lock = pool.begin().await?;
    sqlx::query("lock table pgq_jobs.large_input")
        .execute(&mut *lock)
        .await?;
    let run = worker::<weigh>(&database).poll_interval(Duration::from_millis(50));
    let running = tokio::spawn(drain(run));

    let reader = until_wanted(pool, "large_input").await?;
    let taken = sqlx::query("update pgq_jobs.running set claim = claim + 1000").execute(pool);
    assert_eq!(taken.await?.rows_affected(), 1);
    // The worker finds out while a claim is on its way, and before it looks whether it is idle.
    let mut claims = pool.begin().await?;
    sqlx::query("lock table pgq_jobs.ready")
        .execute(&mut *claims)
        .await?;
    until_wanted(pool, "ready").await?;
    lock.rollback().await?;
    eventually("it has been read", async || {
        let idle = "select state = 'idle' from pg_stat_activity where pid = $1";
        let idle = sqlx::query_scalar(idle).bind(reader).fetch_optional(pool);
        Ok(idle.await?.unwrap_or(true))
    })
    .await?;
    claims.rollback().await?;

    // The worker gives back what it does not know of, and claims it again.
    running.await??;
    assert_eq!(job.wait_for(pool, DEADLINE).await?, MIB);
    let stored = job.job(pool).await?;
    assert_eq!((stored.attempt, stored.deliveries), (1, 2));
    assert_eq!(count(pool, "failure").await?, 0);
    Ok(())
}
