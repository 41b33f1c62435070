use anyhow::Context as _;
use futures_util::future::try_join_all;
use pgq::{CancellationToken, Pgq, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::wire::Wire;
use pgq_tests::{PATIENCE, eventually};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgPool};

use crate::run::wake::{NEVER, until_parked};

#[pgq::task(name = "reconnect/answer")]
async fn answer() -> anyhow::Result<u32> {
    Ok(42)
}

#[tokio::test]
async fn a_worker_notices_that_nobody_answers_any_more() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let direct: PgConnectOptions = database.url().parse()?;
    let wire = Wire::open(&direct).await?;
    let pool = PgPool::connect_lazy_with(wire.options(&direct));
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<answer>()
        .pool(pool)
        // It hears of jobs, and does not look for them by itself.
        .poll_interval(NEVER)
        .without_signals()
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    until_parked(database.pool(), 1).await?;

    wire.go_silent();

    let second = answer::enqueue(database.pool()).await?;
    let answered = second.wait_for(database.pool(), PATIENCE).await;
    assert_eq!(answered.context("the worker did not go on")?, 42);
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_producer_whose_calls_were_given_up_goes_on() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let direct: PgConnectOptions = database.url().parse()?;
    let wire = Wire::open(&direct).await?;
    let url = wire.options(&direct).to_url_lossy();
    let pgq = Pgq::connect(url.as_str()).await?;
    // As many as the pool has connections, at once.
    let connections = pgq.pool().options().get_max_connections();
    let calls = || async {
        let enqueues = (0..connections).map(|_| answer::enqueue(&pgq));
        try_join_all(enqueues).await
    };
    let mut holder = database.pool().begin().await?;
    sqlx::raw_sql("lock table pgq_jobs.ready in share mode")
        .execute(&mut *holder)
        .await?;
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    let all_wait = eventually("every call waits for the lock", async || {
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(database.pool())
            .await?;
        Ok(waiting == i64::from(connections))
    });

    tokio::select! {
        done = calls() => anyhow::bail!("nothing keeps the calls waiting: {done:?}"),
        waited = all_wait => waited?,
    }
    wire.go_silent();
    holder.rollback().await?;

    eventually("calls are answered again", async || {
        Ok(calls().await.is_ok())
    })
    .await
}
