//! How PostgreSQL keeps what is left of jobs: partitions that are made ahead, detached and dropped.

mod apart;
mod load;
mod owner;
mod publication;
mod readers;
mod steps;

use std::sync::Arc;

use pgq::driver::{
    Claim, Claimed, ClaimedJob, Completion, Driver, Enqueue, Start, WorkerId, WorkerInfo,
};
use pgq::postgres::PostgresDriver;
use pgq::{JobId, Retain};
use pgq_tests::PATIENCE;
use pgq_tests::database::TestDatabase;
use sqlx::{AssertSqlSafe, PgPool};

const TASK: &str = "greet";
const QUEUE: &str = "mail";

/// For longer than a day, with its part and an hour that has begun.
const OVER_A_DAY: i64 = 31;

/// A database, its driver, and a worker that ends jobs.
struct History {
    database: TestDatabase,
    driver: PostgresDriver,
    worker: WorkerId,
}

impl History {
    async fn new() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        let driver = PostgresDriver::new(database.pool().clone());
        let worker = WorkerId::random();
        let info = WorkerInfo {
            id: worker,
            lease: PATIENCE,
            host: "localhost".to_owned(),
            pid: 1,
            queues: vec![QUEUE.to_owned()],
            concurrency: 1,
            build: pgq::driver::Build::default(),
        };
        anyhow::ensure!(driver.register_worker(info).await?, "a random id was taken");
        Ok(Self {
            database,
            driver,
            worker,
        })
    }

    fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// A job that completed, with a result.
    async fn completed(&self) -> anyhow::Result<JobId> {
        let id = self.driver.enqueue(jobs(1)).await?[0];
        complete(&self.driver, self.worker, id.as_i64()).await?;
        Ok(id)
    }

    /// A job that completed longer ago than it is kept.
    async fn expired(&self) -> anyhow::Result<JobId> {
        let id = self.completed().await?;
        pgq_tests::history::age(self.pool(), OVER_A_DAY).await?;
        Ok(id)
    }

    async fn maintain(&self) -> anyhow::Result<pgq::driver::HistoryReport> {
        Ok(self.driver.maintain_history(&[Retain::DEFAULT]).await?)
    }

    async fn run(&self, sql: &str) -> sqlx::Result<()> {
        run(self.pool(), sql).await
    }

    /// The partitions of completed jobs.
    async fn partitions(&self) -> sqlx::Result<Vec<String>> {
        let mut names = pgq_tests::history::partitions(self.pool()).await?;
        names.retain(|name| name.starts_with("finished_1_"));
        Ok(names)
    }

    /// Whether there is a table of that name, partition or not.
    async fn has_table(&self, name: &str) -> sqlx::Result<bool> {
        sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(name)
            .fetch_one(self.pool())
            .await
    }
}

async fn run(pool: &PgPool, sql: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await?;
    Ok(())
}

fn jobs(count: usize) -> Enqueue {
    Enqueue {
        task: TASK.into(),
        queue: QUEUE.into(),
        priority: 0,
        max_attempts: 5,
        fingerprint: None,
        start: Start::Now,
        durability: pgq::Durability::Durable,
        jobs: vec![vec![1].into(); count],
    }
}

/// Claims what there is.
async fn claim(
    driver: &dyn Driver,
    worker: WorkerId,
    number: i64,
) -> anyhow::Result<Vec<ClaimedJob>> {
    let claim = Claim {
        worker,
        number,
        queue: Arc::from(QUEUE),
        tasks: vec![Arc::from([TASK.to_owned()])],
        fingerprints: None,
        limit: 100,
        horizon: None,
        priority_max: None,
    };
    match driver.claim(claim).await? {
        Claimed::Jobs(claimed) => Ok(claimed),
        other => anyhow::bail!("no jobs but {other:?}"),
    }
}

/// Claims what there is, and completes it. Returns how many jobs that were.
async fn complete(driver: &dyn Driver, worker: WorkerId, number: i64) -> anyhow::Result<usize> {
    let claimed = claim(driver, worker, number).await?;
    let completions: Vec<Completion> = claimed
        .iter()
        .map(|job| Completion {
            job: job.id,
            claim: job.claim,
            result: Some(b"\x01\x07".to_vec()),
            retain: Retain::DEFAULT,
            durability: pgq::Durability::Durable,
        })
        .collect();
    let completed = driver.complete(worker, &completions).await?;
    anyhow::ensure!(completed == claimed.len(), "not every completion was taken");
    Ok(completed)
}
