//! Everything around the drivers: the producers, the accidents, and the count at the end.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use fastrand::Rng;
use pgq::postgres::STATEMENTS;
use pgq_tests::PATIENCE;
use pgq_tests::database::TestDatabase;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, SqlSafeStr as _, SqlStr,
};
use tokio::sync::RwLock;

use super::fleet::{self, Member};

/// The queue that all drivers serve.
pub(super) const SHARED: &str = "shared";
/// The queue that each serves alone: nobody else claims what it has stranded.
pub(super) const OWN: [&str; 3] = ["own 0", "own 1", "own 2"];
pub(super) const TASK: &str = "greet";

/// How long the producers go on.
const RUN: Duration = Duration::from_secs(3);
const PRODUCERS: usize = 6;

/// What kind of run a seed makes; consecutive seeds make each kind.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// The most jobs of one insert: the drivers keep up with a few, and fall behind many.
    jobs_max: usize,
    /// The most jobs of one claim.
    pub(super) limit_max: usize,
    /// One of so many steps of a driver is an audit.
    pub(super) audit_every: u8,
    /// Connections break, and the server crashes.
    has_accidents: bool,
}

impl Kind {
    fn of(seed: u64) -> Self {
        let keeps_up = seed.is_multiple_of(2);
        Self {
            jobs_max: if keeps_up { 4 } else { 60 },
            limit_max: if keeps_up { 20 } else { 6 },
            audit_every: if keeps_up { 10 } else { 60 },
            has_accidents: seed % 4 > 1,
        }
    }
}

/// What every part of a run shares.
pub(super) struct World {
    pub(super) pool: PgPool,
    /// Held shared around whatever touches ready or running jobs, and alone by audits.
    pub(super) gate: RwLock<()>,
    /// The jobs whose enqueue was committed; `true` if the job became ready at once.
    committed: Mutex<Vec<(i64, bool)>>,
    pub(super) holds: fleet::Holds,
    produced: AtomicBool,
}

pub(super) async fn run(seed: u64) -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let world = World::new(&database);
    world.prepare().await?;
    let kind = Kind::of(seed);
    let mut rng = Rng::with_seed(seed);
    let mut members = Vec::new();
    for own in OWN {
        members.push(Member::new(&world, own).await?);
    }

    let producers = futures_util::future::try_join_all(
        (0..PRODUCERS).map(|_| produce(&world, kind, rng.fork())),
    );
    let stop = async {
        let produced = producers.await;
        world.produced.store(true, Ordering::Relaxed);
        produced
    };
    let work = members.iter().map(|member| member.work(kind, rng.fork()));
    let work = futures_util::future::try_join_all(work.collect::<Vec<_>>());
    let accidents = accidents(&world, kind, rng.fork());
    tokio::try_join!(stop, work, accidents)?;

    fleet::finish(&world, &members, &mut rng).await?;
    world.count().await
}

impl World {
    pub(super) fn new(database: &TestDatabase) -> Self {
        Self {
            pool: database.pool().clone(),
            gate: RwLock::new(()),
            committed: Mutex::default(),
            holds: fleet::Holds::default(),
            produced: AtomicBool::new(false),
        }
    }

    /// Enqueues ready jobs in the shared queue.
    pub(super) async fn enqueue(&self, jobs: usize) -> anyhow::Result<Vec<i64>> {
        let insert = insert("enqueue_ready", TASK, SHARED, 0, jobs)?;
        Ok(insert.fetch_all(&self.pool).await?)
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.produced.load(Ordering::Relaxed)
    }

    /// Lets some claims be slow and others fail, at their very end.
    async fn prepare(&self) -> anyhow::Result<()> {
        sqlx::raw_sql(
            "create function disturb() returns trigger language plpgsql as $$
             begin
                 if exists (select from added where claim % 3 = 1) then
                     perform pg_sleep(random() * 0.008);
                     if exists (select from added where claim % 2 = 1) then
                         raise 'the claim fails';
                     end if;
                 end if;
                 return null;
             end $$;
             create trigger disturb after insert on pgq_jobs.running
             referencing new table as added
             for each statement execute function disturb()",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Waits until no claim is under way on the server, not even one that was given up.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let claims: i64 = sqlx::query_scalar(
                "select count(*) from pg_locks
                 where relation = 'pgq_jobs.running'::regclass and mode = 'RowExclusiveLock'
                   and database = (select oid from pg_database where datname = current_database())",
            )
            .fetch_one(&self.pool)
            .await?;
            if claims == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "a claim does not end");
        }
    }

    /// The jobs of some queues that are ready, each with its number.
    pub(super) async fn ready(&self, queues: &[&str]) -> anyhow::Result<BTreeSet<(i64, i64)>> {
        let ready = sqlx::query_as("select id, seq from pgq_jobs.ready where queue = any ($1)")
            .bind(queues)
            .fetch_all(&self.pool)
            .await?;
        Ok(ready.into_iter().collect())
    }

    /// Every job that was committed has finished, once.
    async fn count(&self) -> anyhow::Result<()> {
        let mut finished: Vec<i64> = sqlx::query_scalar("select id from pgq_jobs.finished")
            .fetch_all(&self.pool)
            .await?;
        finished.sort_unstable();
        let mut committed: Vec<i64> = self
            .committed
            .lock()
            .unwrap()
            .iter()
            .map(|(id, _)| *id)
            .collect();
        committed.sort_unstable();
        ensure!(committed.len() > 100, "only {} jobs", committed.len());
        ensure!(
            committed == finished,
            "{committed:?} came, {finished:?} ran"
        );
        Ok(())
    }
}

/// Enqueues in transactions that stay open for a while, and that do not always commit.
async fn produce(world: &World, kind: Kind, mut rng: Rng) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(&world.pool.connect_options()).await?;
    let end = Instant::now() + RUN;
    while Instant::now() < end {
        // A few stay open across many ticks.
        let patience = [0, 1, 5, 20, 400][rng.usize(..5)];
        let mut transaction = connection.begin().await?;
        let mut added = Vec::new();
        for _ in 0..rng.usize(1..=3) {
            let is_ready = rng.u8(..5) > 0;
            let ids = enqueue(
                &mut transaction,
                is_ready,
                rng.usize(1..=kind.jobs_max),
                &mut rng,
            )
            .await?;
            added.extend(ids.into_iter().map(|id| (id, is_ready)));
            pause(rng.u64(..=patience)).await;
        }
        if rng.u8(..5) > 0 {
            transaction.commit().await?;
            world.committed.lock().unwrap().extend(added);
        } else {
            transaction.rollback().await?;
        }
        pause(rng.u64(..4)).await;
    }
    Ok(())
}

async fn enqueue(
    connection: &mut PgConnection,
    is_ready: bool,
    jobs: usize,
    rng: &mut Rng,
) -> anyhow::Result<Vec<i64>> {
    let queue = if rng.bool() {
        SHARED
    } else {
        OWN[rng.usize(..OWN.len())]
    };
    let priority = i16::from(rng.u8(..3));
    let insert = if is_ready {
        insert("enqueue_ready", TASK, queue, priority, jobs)?
    } else {
        insert("enqueue_scheduled", TASK, queue, priority, jobs)?
            .bind(None::<DateTime<Utc>>)
            .bind(i64::from(rng.u16(..30_000)))
    };
    Ok(insert.fetch_all(connection).await?)
}

/// The parameters that the two ways to enqueue have in common.
pub(super) fn insert(
    name: &str,
    task: &'static str,
    queue: &str,
    priority: i16,
    jobs: usize,
) -> anyhow::Result<QueryScalar<'static, Postgres, i64, PgArguments>> {
    Ok(sqlx::query_scalar(statement(name)?)
        .bind(vec![vec![1_u8]; jobs])
        .bind(task)
        .bind(queue.to_owned())
        .bind(priority)
        .bind(1000_i16)
        .bind(7_i64)
        .bind("pgq_jobs"))
}

/// Connections of the drivers break, and once in a while the server crashes.
async fn accidents(world: &World, kind: Kind, mut rng: Rng) -> anyhow::Result<()> {
    while kind.has_accidents && world.goes_on() {
        pause(rng.u64(5..300)).await;
        if rng.u8(..3) > 0 {
            disconnect(world, "random() < 0.2").await?;
        } else {
            let _alone = world.gate.write().await;
            crash(world).await?;
        }
    }
    Ok(())
}

/// Ends connections of the drivers.
async fn disconnect(world: &World, which: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!(
        "select pg_terminate_backend(pid, 1000) from pg_stat_activity
         where datname = current_database() and application_name = 'pgq' and {which}"
    )))
    .execute(&world.pool)
    .await?;
    Ok(())
}

/// What a crash of the server does to claims, which do not wait for the disk: every connection
/// breaks, and some of the last claims have not been.
async fn crash(world: &World) -> anyhow::Result<()> {
    disconnect(world, "true").await?;
    world.settle().await?;
    // Only of these the number that they had in `ready` is known.
    let first: Vec<i64> = {
        let committed = world.committed.lock().unwrap();
        let first = committed.iter().filter(|(_, is_ready)| *is_ready);
        first.map(|(id, _)| *id).collect()
    };
    let lost = unclaim(&world.pool, &first).await?;
    world.holds.lose(&lost);
    Ok(())
}

/// Puts back those of these jobs that were claimed once, under the number that they had: each has
/// the one that it was enqueued with.
pub(super) async fn unclaim(pool: &PgPool, jobs: &[i64]) -> anyhow::Result<Vec<i64>> {
    let unclaimed = sqlx::query_scalar(
        "with lost as (
             delete from pgq_jobs.running where id = any ($1) and deliveries = 1
             returning id, fingerprint, created_at, priority, max_attempts, deaths, marks, queue,
                       task, input
         )
         insert into pgq_jobs.ready
             (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
              marks, queue, task, input)
         select id, id, fingerprint, created_at, 0, priority, 0, max_attempts, deaths, marks, queue,
                task, input
         from lost
         returning id",
    )
    .bind(jobs)
    .fetch_all(pool)
    .await?;
    Ok(unclaimed)
}

fn statement(name: &str) -> anyhow::Result<SqlStr> {
    let (_, sql) = STATEMENTS
        .iter()
        .find(|(other, _)| *other == name)
        .context("no such statement")?;
    Ok(AssertSqlSafe(*sql).into_sql_str())
}

pub(super) async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
