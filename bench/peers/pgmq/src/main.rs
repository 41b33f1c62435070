//! pgmq, installed as plain SQL. It has no worker, so the loop that reads, runs and deletes is ours.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Count, Peer, Settings};
use pgmq::{Message, PGMQueueExt};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

const QUEUE: &str = "noop";

const CONNECTIONS: u32 = 16;

/// How long a message that was read stays hidden from others, in seconds.
const HIDDEN: i32 = 300;

#[derive(Debug, Serialize, Deserialize)]
struct Noop {
    to: String,
    number: u64,
}

#[derive(Debug)]
struct Pgmq {
    pool: PgPool,
    queue: PGMQueueExt,
    settings: Settings,
}

impl Peer for Pgmq {
    const NAME: &'static str = "pgmq";
    const VERSION: &'static str = "0.34.0-alpha.7";
    const HISTORY: bool = false;
    const WORKER: bool = false;
    const SETTINGS: Settings = Settings {
        workers: 2,
        fetch: 5000,
        producers: 2,
        batch: 5000,
    };

    type Worker = (Arc<AtomicBool>, JoinSet<anyhow::Result<()>>);

    async fn open(url: &str, settings: Settings) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect(url)
            .await?;
        let queue = PGMQueueExt::new_with_pool(pool.clone()).await;
        queue.install_sql_from_embedded().await?;
        queue.create(QUEUE).await?;
        Ok(Self {
            pool,
            queue,
            settings,
        })
    }

    async fn enqueue(&self, numbers: Range<u64>) -> anyhow::Result<()> {
        let to = || harness::ADDRESS.to_owned();
        let jobs: Vec<_> = numbers.map(|number| Noop { to: to(), number }).collect();
        self.queue.send_batch(QUEUE, &jobs).await?;
        Ok(())
    }

    async fn analyze(&self) -> anyhow::Result<()> {
        sqlx::query("analyze").execute(&self.pool).await?;
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<Self::Worker> {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..self.settings.workers {
            let fetch = i32::try_from(self.settings.fetch)?;
            tasks.spawn(work(self.queue.clone(), fetch, Arc::clone(&stopping)));
        }
        Ok((stopping, tasks))
    }

    async fn is_drained(&self, _jobs: u64) -> anyhow::Result<bool> {
        let drained = "select not exists (select from pgmq.q_noop)";
        Ok(sqlx::query_scalar(drained).fetch_one(&self.pool).await?)
    }

    async fn stop(&self, (stopping, mut tasks): Self::Worker) -> anyhow::Result<()> {
        stopping.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(())
    }

    async fn count(&self) -> anyhow::Result<Count> {
        let count = "select count(*) from pgmq.q_noop";
        Ok(Count {
            unfinished: sqlx::query_scalar(count).fetch_one(&self.pool).await?,
            completed: None,
        })
    }
}

/// Reads, runs and deletes `fetch` messages at once.
async fn work(queue: PGMQueueExt, fetch: i32, stopping: Arc<AtomicBool>) -> anyhow::Result<()> {
    while !stopping.load(Ordering::Relaxed) {
        let messages: Vec<Message<Noop>> = queue.read_batch(QUEUE, HIDDEN, fetch).await?;
        for message in &messages {
            harness::ran(message.message.number);
        }
        let ids: Vec<_> = messages.iter().map(|message| message.msg_id).collect();
        if ids.is_empty() {
            tokio::task::yield_now().await;
        } else {
            queue.delete_batch(QUEUE, &ids).await?;
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    harness::measure::<Pgmq>().await
}
