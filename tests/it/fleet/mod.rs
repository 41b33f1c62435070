//! Several workers, each a process of its own, that are killed, stalled and cut off.

mod hog;
mod kill;
mod limits;
mod outage;
mod schedule;
mod stall;
mod terminate;
mod transactions;
mod unique;
mod unknown;
mod year;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pgq::driver::Driver as _;
use pgq::postgres::PostgresDriver;
use pgq::{Job, JobId, JobState};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::ledger::{Event, Record};
use pgq_tests::fleet::tasks::{self, Ran};
use sqlx::{PgPool, Row as _};

/// The format byte of a result in MessagePack.
const MESSAGE_PACK: u8 = 1;

/// The most jobs of one `enqueue_many`.
const BATCH: usize = 1000;

/// How often a table with many rows is counted.
const COUNT_EVERY: Duration = Duration::from_millis(50);

/// How long many jobs may take. Only a test that fails takes so long.
const LONG: Duration = Duration::from_secs(300);

/// A migrated database, and a fleet on it.
async fn fleet() -> anyhow::Result<(TestDatabase, Fleet)> {
    let database = TestDatabase::migrated().await?;
    let fleet = Fleet::new(env!("CARGO_BIN_EXE_fleet_worker"), database.url())?;
    Ok((database, fleet))
}

/// The seed of this test: that of the environment, or a fresh one. It is shown should the test
/// fail.
fn seeded() -> anyhow::Result<fastrand::Rng> {
    let seed = match std::env::var("PGQ_TEST_SEED") {
        Ok(seed) => seed.parse().context("PGQ_TEST_SEED is not a number")?,
        Err(_) => fastrand::u64(..),
    };
    eprintln!("PGQ_TEST_SEED={seed}");
    Ok(fastrand::Rng::with_seed(seed))
}

/// Enqueues jobs that end at once.
async fn enqueue_notes(pool: &PgPool, count: u32) -> anyhow::Result<Vec<JobId>> {
    let mut jobs = Vec::new();
    let numbers: Vec<u32> = (0..count).collect();
    for numbers in numbers.chunks(BATCH) {
        let handles = tasks::note::enqueue_many(pool, numbers.iter().copied()).await?;
        jobs.extend(handles.iter().map(pgq::JobHandle::id));
    }
    Ok(jobs)
}

/// The job as it is now.
async fn find(pool: &PgPool, job: JobId) -> anyhow::Result<Job> {
    let driver = PostgresDriver::new(pool.clone());
    driver.find(job).await?.context("the job is gone")
}

/// Waits until a job is in a state, and returns it.
async fn until(pool: &PgPool, job: JobId, state: JobState) -> anyhow::Result<Job> {
    let what = format!("job {} is {state:?}", job.as_i64());
    eventually(&what, async || Ok(find(pool, job).await?.state == state)).await?;
    find(pool, job).await
}

/// Waits until so many jobs have finished.
async fn until_finished(pool: &PgPool, jobs: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + LONG;
    loop {
        let finished = count(pool, "select count(*) from pgq_jobs.finished").await?;
        if finished >= jobs {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{finished} of {jobs} jobs have finished within {LONG:?}"
        );
        tokio::time::sleep(COUNT_EVERY).await;
    }
}

/// Runs a query that counts.
async fn count(pool: &PgPool, sql: &'static str) -> anyhow::Result<usize> {
    let count: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    Ok(usize::try_from(count)?)
}

/// How many jobs are scheduled, ready or running.
async fn unfinished(pool: &PgPool) -> anyhow::Result<usize> {
    let sql = "select (select count(*) from pgq_jobs.scheduled)
                    + (select count(*) from pgq_jobs.ready)
                    + (select count(*) from pgq_jobs.running)";
    count(pool, sql).await
}

/// A job that has finished, as far as these tests look at it.
#[derive(Debug)]
struct Finished {
    id: i64,
    state: i16,
    deliveries: i32,
    attempt: i16,
    deaths: i16,
    result: Option<Vec<u8>>,
}

/// Reads everything that has finished, and checks that no job did so twice.
async fn finished(pool: &PgPool) -> anyhow::Result<HashMap<JobId, Finished>> {
    let sql = "select id, state, deliveries, attempt, deaths,
                      (select value from pgq_jobs.result where job = id) as result
               from pgq_jobs.finished";
    let rows = sqlx::query(sql).fetch_all(pool).await?;
    let mut jobs = HashMap::with_capacity(rows.len());
    for row in rows {
        let row = Finished {
            id: row.try_get("id")?,
            state: row.try_get("state")?,
            deliveries: row.try_get("deliveries")?,
            attempt: row.try_get("attempt")?,
            deaths: row.try_get("deaths")?,
            result: row.try_get("result")?,
        };
        let twice = jobs.insert(JobId::from_i64(row.id), row);
        ensure!(twice.is_none(), "a job has finished twice: {twice:?}");
    }
    Ok(jobs)
}

/// Waits until nothing is left to do, and checks that exactly these jobs have completed, each once.
async fn assert_completed(
    pool: &PgPool,
    jobs: &[JobId],
) -> anyhow::Result<HashMap<JobId, Finished>> {
    eventually("nothing is left to do", async || {
        Ok(unfinished(pool).await? == 0)
    })
    .await?;
    let finished = finished(pool).await?;
    for job in jobs {
        let row = finished.get(job).context("a job is lost")?;
        ensure!(row.state == 1, "a job has not completed: {row:?}");
    }
    ensure!(
        finished.len() == jobs.len(),
        "{} jobs were enqueued, but {} have finished",
        jobs.len(),
        finished.len()
    );
    Ok(finished)
}

/// Reads the result of a job.
fn ran(result: Option<&[u8]>) -> anyhow::Result<Ran> {
    let (format, value) = result
        .and_then(<[u8]>::split_first)
        .context("there is no result")?;
    ensure!(
        *format == MESSAGE_PACK,
        "a result in the unknown format {format}"
    );
    Ok(rmp_serde::from_slice(value)?)
}

/// How often each job was begun.
fn starts(records: &[Record]) -> HashMap<JobId, Vec<Record>> {
    let mut starts: HashMap<JobId, Vec<Record>> = HashMap::new();
    for record in records {
        if record.event == Event::Started {
            starts.entry(record.job).or_default().push(*record);
        }
    }
    starts
}

/// Waits until a worker has begun a job.
async fn until_started(fleet: &Fleet, job: JobId, worker: u32) -> anyhow::Result<()> {
    let what = format!("worker {worker} runs job {}", job.as_i64());
    eventually(&what, async || {
        let records = fleet.records()?;
        Ok(records
            .iter()
            .any(|record| record.job == job && record.worker == worker))
    })
    .await
}
