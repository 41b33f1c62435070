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
mod held;
mod history;
mod input;
mod keeping;
mod large;
mod logs;
mod made;
mod metrics;
mod middleware;
mod observers;
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
mod ticks;
mod trace;
mod transaction;
mod unique;
mod unread;
mod unsaid;
mod versions;
mod waiting;
pub(super) mod wake;
mod weights;

use std::time::Duration;

use pgq::driver::{Claim, Claimed, ClaimedJob, Driver, WorkerId, WorkerInfo};
use pgq::{Registry, Run, Task};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{DEADLINE, drain};
use sqlx::PgPool;

/// A worker of one task on the database of the test.
#[track_caller]
fn worker<T: Task>(database: &TestDatabase) -> Run {
    Run::new(Registry::new())
        .task::<T>()
        .pool(database.pool().clone())
        .without_signals()
}

/// How many rows a table of the schema has.
async fn count(pool: &PgPool, table: &'static str) -> anyhow::Result<i64> {
    let sql = format!("select count(*) from pgq_jobs.{table}");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(pool)
        .await?)
}

/// Registers a worker that has claimed so many jobs of a task, and is not heard of any more.
async fn claim_and_die(
    driver: &dyn Driver,
    task: &str,
    limit: usize,
) -> anyhow::Result<(WorkerId, Vec<ClaimedJob>)> {
    let worker = WorkerId::random();
    let info = WorkerInfo {
        id: worker,
        lease: Duration::from_secs(60),
        host: "gone".to_owned(),
        pid: 1,
        queues: Vec::new(),
        concurrency: 1,
        build: pgq::driver::Build::default(),
    };
    driver.prepare_history(&[pgq::Retain::DEFAULT]).await?;
    anyhow::ensure!(driver.register_worker(info).await?);
    let claim = Claim {
        worker,
        number: 1,
        queue: "default".into(),
        tasks: vec![[task.to_owned()].into()],
        fingerprints: None,
        limit,
        horizon: None,
        priority_max: None,
    };
    let Claimed::Jobs(jobs) = driver.claim(claim).await? else {
        anyhow::bail!("not claimed");
    };
    anyhow::ensure!(jobs.len() == limit, "{jobs:?}");
    Ok((worker, jobs))
}
