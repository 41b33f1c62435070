//! Inputs that are kept apart from their jobs.

mod limits;
mod lost;
mod memory;
mod stored;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pgq::Context;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::DEADLINE;

const MIB: usize = 1024 * 1024;

/// Returns how long its input is, when it succeeds.
#[pgq::task(input_max = "20MiB")]
async fn weigh(context: &Context, text: String, succeed_at: i16) -> anyhow::Result<usize> {
    anyhow::ensure!(context.attempt() >= succeed_at, "too early");
    Ok(text.len())
}

/// Holds its input until it is let go.
#[pgq::task]
async fn carry(scale: &Arc<Scale>, text: String) -> anyhow::Result<usize> {
    let now = scale.carried.fetch_add(1, Ordering::SeqCst) + 1;
    scale.most.fetch_max(now, Ordering::SeqCst);
    scale.started.add_permits(1);
    scale.gate.acquire().await?.forget();
    scale.carried.fetch_sub(1, Ordering::SeqCst);
    Ok(text.len())
}

/// Ends at once.
#[pgq::task]
async fn pass(number: u32) -> anyhow::Result<u32> {
    Ok(number)
}

/// The sizes of the rows of its job while it runs.
#[pgq::task(max_attempts = 1)]
async fn measure(pool: &PgPool, context: &Context, text: String) -> anyhow::Result<i32> {
    drop(text);
    let size = "select pg_column_size(running.*) from pgq_jobs.running where id = $1";
    Ok(sqlx::query_scalar(size)
        .bind(context.job_id().as_i64())
        .fetch_one(pool)
        .await?)
}

/// How many jobs carry their inputs, and how many did at most.
#[derive(Debug)]
struct Scale {
    carried: AtomicUsize,
    most: AtomicUsize,
    started: Semaphore,
    gate: Semaphore,
}

impl Scale {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            carried: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            started: Semaphore::new(0),
            gate: Semaphore::new(0),
        })
    }

    /// Waits until so many more jobs have started.
    async fn until_started(&self, jobs: usize) -> anyhow::Result<()> {
        let jobs = u32::try_from(jobs)?;
        timeout(DEADLINE, self.started.acquire_many(jobs))
            .await??
            .forget();
        Ok(())
    }
}

/// A text that no compression makes much smaller.
fn text(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

async fn hurry(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::query("update pgq_jobs.scheduled set run_at = now()")
        .execute(pool)
        .await?;
    Ok(())
}

/// The version and the place of the row of each large input: what changes if one is written again.
async fn versions(pool: &PgPool) -> anyhow::Result<Vec<(i64, String)>> {
    let versions = "select job, xmin::text || ctid::text from pgq_jobs.large_input order by job";
    Ok(sqlx::query_as(versions).fetch_all(pool).await?)
}

/// What PostgreSQL has stored beside the tables of states, because it found rows too large, in bytes.
async fn beside_the_rows(pool: &PgPool) -> anyhow::Result<i64> {
    let sum = "select sum(pg_relation_size(reltoastrelid))::bigint
               from pg_class
               where reltoastrelid <> 0 and relnamespace = 'pgq_jobs'::regnamespace
                 and relname ~ '^(ready|scheduled|running|finished)'";
    Ok(sqlx::query_scalar(sum).fetch_one(pool).await?)
}
