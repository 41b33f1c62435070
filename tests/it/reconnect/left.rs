use std::time::Duration;

use pgq::{Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

#[pgq::task(name = "reconnect/nothing")]
async fn nothing() {}

/// How many sessions wait for the lock of the test.
async fn waiting(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select count(*) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

#[tokio::test]
async fn a_worker_that_is_dropped_leaves_no_statement_on_the_server() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let mut holder = pool.begin().await?;
    // The first thing that a worker writes.
    sqlx::raw_sql("lock table pgq_jobs.task, pgq_jobs.worker in access exclusive mode")
        .execute(&mut *holder)
        .await?;
    let run = Run::new(Registry::new())
        .task::<nothing>()
        .pool(pool.clone())
        .without_signals();
    let running = tokio::spawn(run.into_future());
    eventually("a statement waits", async || Ok(waiting(pool).await? > 0)).await?;

    running.abort();

    let ended = eventually("nobody waits any more", async || {
        Ok(waiting(pool).await? == 0)
    });
    // Before the server ends it because it takes too long, after 30 s.
    tokio::time::timeout(Duration::from_secs(20), ended).await?
}
