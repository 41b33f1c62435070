//! River for Rust, as in its own `riverqueue bench`.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::ops::Range;
use std::time::Duration;

use harness::{Count, Peer, Settings};
use riverqueue::migrate::PostgresMigrator;
use riverqueue::{
    Client, Job, JobArgs, QUEUE_DEFAULT, QueueConfig, RunHandle, WorkContext, WorkOutcome, Worker,
    Workers,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// As in its own benchmark.
const CONNECTIONS: u32 = 50;
const FETCH_COOLDOWN: Duration = Duration::from_millis(2);
const FETCH_POLL: Duration = Duration::from_millis(20);

#[derive(Clone, Debug, Deserialize, JobArgs, Serialize)]
#[river(kind = "noop")]
struct Noop {
    to: String,
    number: u64,
}

struct Run;

impl Worker<Noop> for Run {
    type Error = Infallible;

    fn work(
        &self,
        _context: WorkContext,
        job: Job<Noop>,
    ) -> impl Future<Output = Result<WorkOutcome, Self::Error>> + Send {
        harness::ran(job.args.number);
        ready(Ok(WorkOutcome::Complete))
    }
}

struct River {
    pool: PgPool,
    client: Client,
}

impl std::fmt::Debug for River {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("River").finish_non_exhaustive()
    }
}

impl Peer for River {
    const NAME: &'static str = "river";
    const VERSION: &'static str = "0.5.0";
    const HISTORY: bool = true;
    const WORKER: bool = true;
    const SETTINGS: Settings = Settings {
        workers: 2000,
        fetch: 0,
        producers: 1,
        batch: 5000,
    };

    type Worker = RunHandle;

    async fn open(url: &str, settings: Settings) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect(url)
            .await?;
        PostgresMigrator::new(pool.clone()).migrate_up().await?;
        let mut workers = Workers::new();
        workers.add::<Noop, _>(Run)?;
        let queue = QueueConfig::new(usize::try_from(settings.workers)?)
            .with_fetch_cooldown(FETCH_COOLDOWN)
            .with_fetch_poll_interval(FETCH_POLL);
        let client = Client::builder(pool.clone())
            .workers(workers)
            .queue(QUEUE_DEFAULT, queue)
            .build()?;
        Ok(Self { pool, client })
    }

    async fn enqueue(&self, numbers: Range<u64>) -> anyhow::Result<()> {
        let to = || harness::ADDRESS.to_owned();
        let jobs = numbers.map(|number| Noop { to: to(), number });
        self.client.insert_many(jobs).await?;
        Ok(())
    }

    async fn analyze(&self) -> anyhow::Result<()> {
        sqlx::query("analyze").execute(&self.pool).await?;
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<RunHandle> {
        Ok(self.client.start()?)
    }

    async fn is_drained(&self, _jobs: u64) -> anyhow::Result<bool> {
        let drained = "select not exists (select from river_job where state <> 'completed')";
        Ok(sqlx::query_scalar(drained).fetch_one(&self.pool).await?)
    }

    async fn stop(&self, mut run: RunHandle) -> anyhow::Result<()> {
        run.stop().await?;
        Ok(())
    }

    async fn count(&self) -> anyhow::Result<Count> {
        let (unfinished, completed) = sqlx::query_as(
            "select count(*) filter (where state <> 'completed'),
                    count(*) filter (where state = 'completed' and attempt = 1)
             from river_job",
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
    harness::measure::<River>().await
}
