//! Jobs from their enqueue to their end, through the public API.

mod batch;
mod blocking;
mod both;
mod cancel;
mod changes;
mod children;
mod enqueue;
mod expires;
mod failures;
mod fleet;
mod handle;
mod history;
mod input;
mod keeping;
mod large;
mod logs;
mod metrics;
mod middleware;
mod options;
mod outage;
mod outcomes;
mod parameters;
mod pause;
mod progress;
mod reconcile;
mod refused;
mod runs;
mod scheduled;
mod schedules;
mod start;
mod trace;
mod transaction;
mod unique;
mod waiting;
mod wake;
mod weights;

use std::time::Duration;

use pgq::{Registry, Run, Task};
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

/// Runs every job that is due, and returns once there is none.
async fn drain(run: Run) -> anyhow::Result<pgq::Report> {
    let report = run.until_idle().deadline(DEADLINE).await?;
    anyhow::ensure!(report.idle, "not idle within {DEADLINE:?}: {report:?}");
    Ok(report)
}

/// How many rows a table of the schema has.
async fn count(pool: &PgPool, table: &'static str) -> anyhow::Result<i64> {
    let sql = format!("select count(*) from pgq_jobs.{table}");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(pool)
        .await?)
}
