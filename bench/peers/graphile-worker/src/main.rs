//! Graphile Worker for Rust, as in its own benchmark of 200,000 jobs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use graphile_worker::{
    Database, IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, Worker, WorkerContext,
    WorkerOptions, WorkerUtils,
};
use harness::{Count, Peer, Settings};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;

const SCHEMA: &str = "graphile_worker";

/// As in its own benchmark.
const POLL: Duration = Duration::from_millis(5);

/// Completions are collected for this long; without it each job is a statement.
const COMPLETION_BATCH: Duration = Duration::from_millis(5);

/// As in its own benchmark.
const CONNECTIONS: u32 = 100;

#[derive(Clone, Serialize, Deserialize)]
struct Noop {
    to: String,
    number: u64,
}

impl TaskHandler for Noop {
    const IDENTIFIER: &'static str = "noop";

    async fn run(self, _context: WorkerContext) -> impl IntoTaskHandlerResult {
        harness::ran(self.number);
        Ok::<(), String>(())
    }
}

#[derive(Debug)]
struct Graphile {
    pool: PgPool,
    settings: Settings,
}

impl Graphile {
    fn utils(&self) -> WorkerUtils {
        WorkerUtils::new(Database::from(self.pool.clone()), SCHEMA)
    }
}

impl Peer for Graphile {
    const NAME: &'static str = "graphile_worker";
    const VERSION: &'static str = "0.14.1";
    const HISTORY: bool = false;
    const WORKER: bool = true;
    const SETTINGS: Settings = Settings {
        workers: 500,
        fetch: 5000,
        producers: 1,
        batch: 5000,
    };

    type Worker = (Arc<Worker>, JoinHandle<anyhow::Result<()>>);

    async fn open(url: &str, settings: Settings) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect(url)
            .await?;
        let peer = Self { pool, settings };
        peer.utils().migrate().await?;
        Ok(peer)
    }

    async fn enqueue(&self, numbers: Range<u64>) -> anyhow::Result<()> {
        let spec = JobSpec::default();
        let jobs: Vec<_> = numbers
            .map(|number| {
                let to = harness::ADDRESS.to_owned();
                (Noop { to, number }, &spec)
            })
            .collect();
        self.utils().add_jobs(&jobs).await?;
        Ok(())
    }

    async fn analyze(&self) -> anyhow::Result<()> {
        sqlx::query("analyze").execute(&self.pool).await?;
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<Self::Worker> {
        let worker = WorkerOptions::default()
            .database(Database::from(self.pool.clone()))
            .schema(SCHEMA)
            .concurrency(usize::try_from(self.settings.workers)?)
            .poll_interval(POLL)
            .complete_job_batch_delay(COMPLETION_BATCH)
            // Without it, a worker runs as many jobs in an interval of polling as it has slots.
            .local_queue(
                LocalQueueConfig::default().with_size(usize::try_from(self.settings.fetch)?),
            )
            .define_job::<Noop>()
            .init()
            .await?;
        let worker = Arc::new(worker);
        let running = Arc::clone(&worker);
        let task = tokio::spawn(async move { Ok(running.run().await?) });
        Ok((worker, task))
    }

    async fn is_drained(&self, _jobs: u64) -> anyhow::Result<bool> {
        let drained = "select not exists (select from graphile_worker._private_jobs)";
        Ok(sqlx::query_scalar(drained).fetch_one(&self.pool).await?)
    }

    async fn stop(&self, (worker, task): Self::Worker) -> anyhow::Result<()> {
        worker.request_shutdown();
        task.await.context("the worker panicked")?
    }

    async fn count(&self) -> anyhow::Result<Count> {
        let count = "select count(*) from graphile_worker._private_jobs";
        Ok(Count {
            unfinished: sqlx::query_scalar(count).fetch_one(&self.pool).await?,
            completed: None,
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    harness::measure::<Graphile>().await
}
