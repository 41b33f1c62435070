//! awa on its queue storage, as in its own benchmark of the runtime.

use std::ops::Range;
use std::time::Duration;

use awa::insert::params_with;
use awa::{
    Client, InsertOpts, JobArgs, JobResult, QueueConfig, QueueStorage, QueueStorageConfig,
    migrations,
};
use harness::{Count, Peer, Settings};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

const QUEUE: &str = "noop";

const CONNECTIONS: u32 = 50;

const POLL: Duration = Duration::from_millis(50);

/// How long a worker may take to stop.
const STOP: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize, JobArgs)]
struct Noop {
    to: String,
    number: u64,
}

struct Awa {
    pool: PgPool,
    client: Client,
    storage: QueueStorage,
}

impl std::fmt::Debug for Awa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Awa").finish_non_exhaustive()
    }
}

impl Peer for Awa {
    const NAME: &'static str = "awa";
    const VERSION: &'static str = "0.6.9";
    const HISTORY: bool = true;
    const WORKER: bool = true;
    const SETTINGS: Settings = Settings {
        workers: 512,
        fetch: 2,
        producers: 2,
        batch: 5000,
    };

    type Worker = ();

    async fn open(url: &str, settings: Settings) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect(url)
            .await?;
        migrations::run(&pool).await?;
        let storage = QueueStorage::new(QueueStorageConfig::default())?;
        storage.install(&pool).await?;
        let queue = QueueConfig {
            max_workers: settings.workers,
            poll_interval: POLL,
            // With a deadline, claims are rows of their own instead of batches.
            deadline_duration: Duration::ZERO,
            claimers: u16::try_from(settings.fetch)?,
            ..QueueConfig::default()
        };
        let client = Client::builder(pool.clone())
            .queue(QUEUE, queue)
            .register::<Noop, _, _>(|noop, _context| async move {
                harness::ran(noop.number);
                Ok(JobResult::Completed)
            })
            .build()?;
        Ok(Self {
            pool,
            client,
            storage,
        })
    }

    async fn enqueue(&self, numbers: Range<u64>) -> anyhow::Result<()> {
        let mut jobs = Vec::new();
        for number in numbers {
            let to = harness::ADDRESS.to_owned();
            let options = InsertOpts {
                queue: QUEUE.to_owned(),
                ..InsertOpts::default()
            };
            jobs.push(params_with(&Noop { to, number }, options)?);
        }
        self.storage.enqueue_params_copy(&self.pool, &jobs).await?;
        Ok(())
    }

    async fn analyze(&self) -> anyhow::Result<()> {
        sqlx::query("analyze").execute(&self.pool).await?;
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<()> {
        Ok(self.client.start().await?)
    }

    async fn is_drained(&self, jobs: u64) -> anyhow::Result<bool> {
        let completed: i64 = sqlx::query_scalar(
            "select coalesce(sum(completed_count), 0) + (select count(*) from awa.done_entries)
             from awa.receipt_completion_batches",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(completed)? == jobs)
    }

    async fn stop(&self, (): ()) -> anyhow::Result<()> {
        self.client.shutdown(STOP).await;
        Ok(())
    }

    async fn count(&self) -> anyhow::Result<Count> {
        // Its view `awa.jobs` takes minutes to count some thousand jobs.
        let (unfinished, completed) = sqlx::query_as(
            "with done as (
                 select job_id, attempt from awa.done_entries where state = 'completed'
                 union all
                 select job.id, job.attempt
                 from awa.receipt_completion_batches
                 cross join unnest(job_ids, attempts) as job(id, attempt)
             )
             select (select count(*) from awa.ready_entries) - count(*),
                    count(distinct job_id) filter (where attempt = 1)
             from done",
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
    harness::measure::<Awa>().await
}
