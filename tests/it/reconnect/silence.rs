use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use pgq::{CancellationToken, Pgq, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::wire::Wire;
use pgq_tests::{PATIENCE, eventually};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgPool};

use crate::run::wake::{NEVER, until_parked};

/// How long calls are waited for. Longer than they take, and shorter than a connection is.
const SHORT: Duration = Duration::from_millis(500);

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
    // Each of them is open, or some would be opened anew.
    drop(try_join_all((0..connections).map(|_| pgq.pool().acquire())).await?);
    eventually("all connections are idle", async || {
        Ok(pgq.pool().num_idle() == usize::try_from(connections)?)
    })
    .await?;

    wire.go_silent();
    let given_up = tokio::time::timeout(SHORT, calls()).await;

    assert!(given_up.is_err());
    eventually("calls are answered again", async || {
        Ok(calls().await.is_ok())
    })
    .await
}
