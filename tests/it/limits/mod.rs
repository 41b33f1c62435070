//! Limits of the whole fleet, shown by an audit of what the tasks did.

mod at_once;
mod builds;
mod keys;
mod rates;
mod replaced;

use std::time::Duration;

use pgq::{Context, Registry, Run, Task};
use pgq_tests::audit;
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

/// How long a run may take. Only a test that fails takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// A worker of one task on the database of the test.
#[track_caller]
fn worker<T: Task>(database: &TestDatabase) -> Run {
    Run::new(Registry::new())
        .task::<T>()
        .pool(database.pool().clone())
        .without_signals()
}

/// Runs every job that is due in these workers, each until it finds none.
async fn drain(runs: impl IntoIterator<Item = Run>) -> anyhow::Result<u64> {
    let runs = runs.into_iter().map(|run| async {
        let report = run.until_idle().deadline(DEADLINE).await?;
        anyhow::ensure!(report.idle, "not idle within {DEADLINE:?}: {report:?}");
        anyhow::Ok(report.completed)
    });
    let completed = futures_util::future::try_join_all(runs).await?;
    Ok(completed.into_iter().sum())
}

/// Writes down that it ran for a while.
async fn work(context: &Context, pool: &PgPool, key: &str, time: Duration) -> anyhow::Result<()> {
    let job = context.job_id().as_i64();
    let mut connection = pool.acquire().await?;
    let running = audit::start(&mut connection, key, job).await?;
    drop(connection);
    tokio::time::sleep(time).await;
    let mut connection = pool.acquire().await?;
    Ok(audit::end(&mut connection, running).await?)
}

/// An empty database with a ledger.
async fn database() -> anyhow::Result<TestDatabase> {
    let database = TestDatabase::migrated().await?;
    audit::create(database.pool()).await?;
    Ok(database)
}

/// How many rows a table of the schema has.
async fn count(pool: &PgPool, table: &'static str) -> anyhow::Result<i64> {
    let sql = format!("select count(*) from pgq_jobs.{table}");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(pool)
        .await?)
}
