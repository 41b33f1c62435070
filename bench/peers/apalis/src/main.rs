//! apalis with its storage on PostgreSQL.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use apalis::prelude::{
    BackendExt as _, TaskSink as _, WorkerBuilder, WorkerBuilderExt as _, WorkerContext,
};
use apalis_postgres::{Config, PostgresStorage};
use harness::{Count, Peer, Settings};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;

const QUEUE: &str = "noop";

const CONNECTIONS: u32 = 20;

/// How often the database is asked when nothing else happens. Completions that nothing comes after
/// are written then, too.
const POLL: Duration = Duration::from_millis(5);

#[derive(Debug, Serialize, Deserialize)]
struct Noop {
    to: String,
    number: u64,
}

async fn noop(noop: Noop) {
    harness::ran(noop.number);
}

#[derive(Debug)]
struct Apalis {
    pool: PgPool,
    settings: Settings,
}

impl Apalis {
    fn storage(&self) -> anyhow::Result<PostgresStorage<Noop>> {
        let config = Config::default()
            .queue(QUEUE)
            .batch_size(usize::try_from(self.settings.fetch)?)
            // Saves an update of each job; what is fetched is locked as it is.
            .lock_tasks(false);
        Ok(PostgresStorage::new(&self.pool).with_config(config))
    }
}

impl Peer for Apalis {
    const NAME: &'static str = "apalis";
    const VERSION: &'static str = "1.0.0";
    const HISTORY: bool = true;
    const WORKER: bool = true;
    const SETTINGS: Settings = Settings {
        workers: 1000,
        fetch: 1000,
        producers: 1,
        batch: 5000,
    };

    type Worker = (WorkerContext, JoinHandle<anyhow::Result<()>>);

    async fn open(url: &str, settings: Settings) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect(url)
            .await?;
        PostgresStorage::setup(&pool).await?;
        Ok(Self { pool, settings })
    }

    async fn enqueue(&self, numbers: Range<u64>) -> anyhow::Result<()> {
        let to = || harness::ADDRESS.to_owned();
        let jobs = numbers.map(|number| Noop { to: to(), number }).collect();
        self.storage()?
            .push_bulk(jobs)
            .await
            .map_err(|error| anyhow!("{error:?}"))
    }

    async fn analyze(&self) -> anyhow::Result<()> {
        sqlx::query("analyze").execute(&self.pool).await?;
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<Self::Worker> {
        let context = WorkerContext::new("noop");
        let worker = WorkerBuilder::new(&context)
            .backend(self.storage()?.poll_with_interval(POLL))
            .concurrency(usize::try_from(self.settings.workers)?)
            .build(noop);
        let task = tokio::spawn(async move { Ok(worker.run().await?) });
        Ok((context, task))
    }

    async fn is_drained(&self, _jobs: u64) -> anyhow::Result<bool> {
        let drained = "select not exists (select from apalis.jobs where status <> 'Done')";
        Ok(sqlx::query_scalar(drained).fetch_one(&self.pool).await?)
    }

    async fn stop(&self, (context, task): Self::Worker) -> anyhow::Result<()> {
        context.stop()?;
        task.await.context("the worker panicked")?
    }

    async fn count(&self) -> anyhow::Result<Count> {
        let (unfinished, completed) = sqlx::query_as(
            "select count(*) filter (where status <> 'Done'),
                    count(*) filter (where status = 'Done' and attempts = 1)
             from apalis.jobs",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Count {
            unfinished,
            completed: Some(completed),
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    harness::measure::<Apalis>().await
}
