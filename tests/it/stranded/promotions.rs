//! Promotions beside transactions that come late, while an old snapshot keeps what was promoted.
//!
//! Walking past the dead is slow here, so promotions do begin above a cursor.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use fastrand::Rng;
use pgq::driver::Driver as _;
use pgq::postgres::PostgresDriver;
use pgq_tests::PATIENCE;
use pgq_tests::database::TestDatabase;

use super::other::Other;
use super::world::{SHARED, TASK, insert};

/// How many promoted jobs the old snapshot keeps: milliseconds to walk past.
const DEAD: usize = 60_000;
/// How many transactions may be open.
const OTHERS: usize = 4;
/// How many steps a world takes.
const STEPS: usize = 60;

/// What one world after the other uses.
pub(super) struct Stage {
    database: TestDatabase,
    driver: PostgresDriver,
    others: Vec<Other>,
    /// Has no transaction open.
    traffic: Other,
    /// Its snapshot is older than everything.
    _old: Other,
}

impl Stage {
    pub(super) async fn new() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated().await?;
        let options = database.pool().connect_options();
        let mut old = Other::connect(&options).await?;
        old.begin().await?;
        sqlx::raw_sql("set transaction isolation level repeatable read; select now()")
            .execute(&mut old.connection)
            .await?;
        let driver = PostgresDriver::new(database.pool().clone());
        let mut others = Vec::new();
        for _ in 0..OTHERS {
            others.push(Other::connect(&options).await?);
        }
        let mut traffic = Other::connect(&options).await?;
        schedule(&mut traffic, DEAD, 0).await?;
        let promoted = driver.promote(DEAD).await?.jobs;
        ensure!(promoted == DEAD, "{promoted} were promoted");
        Ok(Self {
            database,
            driver,
            others,
            traffic,
            _old: old,
        })
    }

    /// Lets a world run from its beginning to its end.
    pub(super) async fn run(&mut self, seed: u64) -> anyhow::Result<()> {
        let mut rng = Rng::with_seed(seed);
        for _ in 0..STEPS {
            let number = rng.usize(..OTHERS);
            let other = &mut self.others[number];
            match rng.u8(..20) {
                0 => self.audit().await?,
                1..6 => self.promote(rng.usize(1..4)).await?,
                _ if other.is_open() && rng.bool() => {
                    other.end(rng.u8(..4) > 0).await?;
                }
                // Another worker's promotion, which may yet fail.
                6..9 if !other.is_open() => {
                    other.begin().await?;
                    other.jobs = lock(other, rng.i64(1..4)).await?;
                }
                // Some are due before others that were promoted long ago.
                _ => {
                    other.begin().await?;
                    schedule(other, rng.usize(1..4), rng.i64(0..10_000_000)).await?;
                }
            }
        }
        for other in &mut self.others {
            other.end(true).await?;
        }
        self.audit().await
    }

    /// Promotes, and there is something to promote: that is no reason to look again.
    async fn promote(&mut self, limit: usize) -> anyhow::Result<()> {
        schedule(&mut self.traffic, 1, 0).await?;
        self.driver.promote(limit).await?;
        Ok(())
    }

    /// Promotes until all that is due now has been found, if not at once.
    async fn audit(&mut self) -> anyhow::Result<()> {
        let locked = self.others.iter().flat_map(|other| &other.jobs);
        let locked: HashSet<i64> = locked.copied().collect();
        let mut left = self.due().await?;
        left.retain(|id| !locked.contains(id));
        let deadline = Instant::now() + PATIENCE;
        while !left.is_empty() {
            ensure!(Instant::now() < deadline, "{left:?} are not promoted");
            self.promote(100).await?;
            let due = self.due().await?;
            left.retain(|id| due.contains(id));
        }
        // The cursor rises to what came last.
        self.promote(100).await
    }

    /// The jobs that are due, locked ones included.
    async fn due(&self) -> anyhow::Result<HashSet<i64>> {
        let due = sqlx::query_scalar("select id from pgq_jobs.scheduled where run_at <= now()")
            .fetch_all(self.database.pool())
            .await?;
        Ok(due.into_iter().collect())
    }
}

/// Schedules jobs that were due some time ago.
async fn schedule(other: &mut Other, jobs: usize, ago_micros: i64) -> anyhow::Result<()> {
    insert("enqueue_scheduled", TASK, SHARED, 0, jobs)?
        .bind(None::<DateTime<Utc>>)
        .bind(-ago_micros)
        .fetch_all(&mut other.connection)
        .await
        .context("cannot schedule")?;
    Ok(())
}

/// Locks jobs that are due, without a wait.
async fn lock(other: &mut Other, limit: i64) -> anyhow::Result<Vec<i64>> {
    let locked = sqlx::query_scalar(
        "select id from pgq_jobs.scheduled where run_at <= now() order by run_at limit $1
         for update skip locked",
    )
    .bind(limit)
    .fetch_all(&mut other.connection)
    .await?;
    Ok(locked)
}
