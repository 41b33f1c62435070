//! What the transactions of a worker promise to others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use pgq::driver::{
    Claim, Claimed, ClaimedJob, Completion, Driver as _, End, Ending, Enqueue, Start, WorkerId,
    WorkerInfo,
};
use pgq::postgres::PostgresDriver;
use pgq::{Durability, Registry, Run};
use pgq_tests::database::TestDatabase;
use sqlx::AssertSqlSafe;

/// The tables that jobs come into.
const TABLES: [&str; 4] = ["scheduled", "ready", "running", "finished"];
const QUEUE: &str = "mail";
const TASK: &str = "greet";

/// Notes for each statement that moves jobs into which table, under which token it does, and
/// whether it will wait for the disk.
pub(crate) async fn watch(database: &TestDatabase) -> anyhow::Result<()> {
    let mut sql = "create table noted (place text, waits text, token text);
                   create function note() returns trigger language plpgsql as $$
                   begin
                       insert into noted
                       select tg_table_name, current_setting('synchronous_commit'),
                              (to_jsonb(added) ->> 'worker') || ' ' || (to_jsonb(added) ->> 'claim')
                       from added limit 1;
                       return null;
                   end $$;"
        .to_owned();
    for table in TABLES {
        sql.push_str(&format!(
            "create trigger note after insert on pgq_jobs.{table}
             referencing new table as added
             for each statement execute function note();"
        ));
    }
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(database.pool())
        .await?;
    Ok(())
}

/// A driver with a worker.
struct Worker {
    driver: PostgresDriver,
    id: WorkerId,
    claims: i64,
}

impl Worker {
    async fn start(database: &TestDatabase) -> anyhow::Result<Self> {
        let mut worker = Self {
            driver: PostgresDriver::new(database.pool().clone()),
            id: WorkerId::random(),
            claims: 0,
        };
        worker.register(Duration::from_secs(3600)).await?;
        Ok(worker)
    }

    async fn register(&mut self, lease: Duration) -> anyhow::Result<()> {
        self.id = WorkerId::random();
        let info = WorkerInfo {
            id: self.id,
            lease,
            host: "localhost".to_owned(),
            pid: 1,
            queues: vec![QUEUE.to_owned()],
            concurrency: 1,
            build: pgq::driver::Build::default(),
        };
        self.driver.register_worker(info).await?;
        Ok(())
    }

    async fn enqueue(&self, start: Start) -> anyhow::Result<()> {
        let enqueue = Enqueue {
            task: TASK.into(),
            queue: QUEUE.into(),
            priority: 0,
            max_attempts: 5,
            fingerprint: None,
            start,
            durability: Durability::Durable,
            jobs: vec![vec![1].into()],
        };
        self.driver.enqueue(enqueue).await?;
        Ok(())
    }

    async fn claim(&mut self) -> anyhow::Result<ClaimedJob> {
        self.claims += 1;
        let claim = Claim {
            worker: self.id,
            number: self.claims,
            queue: Arc::from(QUEUE),
            tasks: vec![Arc::from([TASK.to_owned()])],
            fingerprints: None,
            limit: 1,
            horizon: None,
            priority_max: None,
        };
        match self.driver.claim(claim).await? {
            Claimed::Jobs(mut jobs) if jobs.len() == 1 => Ok(jobs.remove(0)),
            other => bail!("no job was claimed: {other:?}"),
        }
    }

    async fn end(&mut self, end: End) -> anyhow::Result<()> {
        let job = self.claim().await?;
        let ending = Ending {
            job: job.id,
            claim: job.claim,
            end,
            error: Some("no luck".to_owned()),
            retention: pgq::Retain::DEFAULT.failed,
        };
        self.driver.end(self.id, &[ending]).await?;
        Ok(())
    }

    async fn complete(&mut self) -> anyhow::Result<()> {
        self.complete_together(&[Durability::Durable]).await
    }

    /// Completes a job of each durability, all in one call.
    async fn complete_together(&mut self, durabilities: &[Durability]) -> anyhow::Result<()> {
        let mut completions = Vec::new();
        for durability in durabilities {
            let job = self.claim().await?;
            completions.push(Completion {
                job: job.id,
                claim: job.claim,
                result: None,
                retain: pgq::Retain::DEFAULT,
                durability: *durability,
            });
        }
        self.driver.complete(self.id, &completions).await?;
        Ok(())
    }
}

#[tokio::test]
async fn only_claims_do_not_wait_for_the_disk() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    watch(&database).await?;
    let mut worker = Worker::start(&database).await?;

    // Twice: a setting that outlives its claim would be that of the second round.
    for _ in 0..2 {
        worker.enqueue(Start::Now).await?;
        worker.enqueue(Start::After(Duration::ZERO)).await?;
        worker.driver.promote(10).await?;
        worker.end(End::Release(Duration::ZERO)).await?;
        worker.end(End::Retry(Duration::ZERO)).await?;
        worker.driver.promote(10).await?;
        worker.end(End::Failed).await?;
        worker.complete().await?;
        worker.enqueue(Start::Now).await?;
        worker.claim().await?;
        worker.driver.deregister_worker(worker.id).await?;
        worker.register(Duration::from_secs(3600)).await?;
        worker.complete().await?;
    }

    let noted: Vec<(String, String)> =
        sqlx::query_as("select distinct place, waits from noted order by place")
            .fetch_all(database.pool())
            .await?;
    let expected = [
        ("finished", "on"),
        ("ready", "on"),
        ("running", "off"),
        ("scheduled", "on"),
    ];
    let expected = expected.map(|(place, waits)| (place.to_owned(), waits.to_owned()));
    assert_eq!(noted, expected);
    Ok(())
}

#[tokio::test]
async fn relaxed_ends_wait_for_the_disk_with_a_durable_one() -> anyhow::Result<()> {
    use Durability::{Durable, Relaxed};

    let database = TestDatabase::migrated().await?;
    watch(&database).await?;
    let mut worker = Worker::start(&database).await?;
    let sql = "delete from noted where place = 'finished' returning waits";
    for (together, waits) in [
        ([Relaxed, Relaxed], "off"),
        ([Relaxed, Durable], "on"),
        ([Durable, Relaxed], "on"),
    ] {
        worker.enqueue(Start::Now).await?;
        worker.enqueue(Start::Now).await?;

        worker.complete_together(&together).await?;

        let noted: Vec<String> = sqlx::query_scalar(sql).fetch_all(database.pool()).await?;
        assert_eq!(noted, [waits], "{together:?}");
    }
    Ok(())
}

#[pgq::task]
async fn blank() {}

#[tokio::test]
async fn no_claim_token_is_used_twice() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    watch(&database).await?;
    for _ in 0..20 {
        blank::enqueue(database.pool()).await?;
    }

    Run::new(Registry::new())
        .task::<blank>()
        .pool(database.pool().clone())
        .concurrency(1)
        .without_signals()
        .until_idle()
        .await?;

    let tokens: Vec<String> = sqlx::query_scalar("select token from noted where place = 'running'")
        .fetch_all(database.pool())
        .await?;
    let mut uses: BTreeMap<&str, u32> = BTreeMap::new();
    for token in &tokens {
        *uses.entry(token).or_default() += 1;
    }
    assert!(uses.len() > 1, "one claim took everything: {uses:?}");
    assert!(uses.values().all(|count| *count == 1), "{uses:?}");
    Ok(())
}
