//! Measures how fast jobs run, end to end: `#[pgq::task]`, fencing, leases, history, durable
//! completion, on a server with stock durability.
//!
//! `cargo run --release -p pgq-bench -- drain [--jobs N] [--rounds N] [--concurrency N]`

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pgq::embedded::Cluster;
use sqlx::{PgPool, Row};

/// What a small e-mail job is given: 64 bytes or so.
#[pgq::task(name = "noop")]
async fn noop(to: String, number: i64) {
    std::hint::black_box((to, number));
}

/// The most jobs of one `enqueue_many`.
const BATCH: i64 = 1000;

struct Options {
    jobs: i64,
    rounds: u32,
    concurrency: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("drain") => drain(&options(arguments)?).await,
        _ => bail!("usage: pgq-bench drain [--jobs N] [--rounds N] [--concurrency N]"),
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let mut options = Options {
        jobs: 100_000,
        rounds: 3,
        concurrency: 1000,
    };
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a number"))?;
        match name.as_str() {
            "--jobs" => options.jobs = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--concurrency" => options.concurrency = value.parse()?,
            _ => bail!("unknown option {name}"),
        }
    }
    Ok(options)
}

/// Enqueues the jobs, then measures how long one worker takes to run them all.
async fn drain(options: &Options) -> anyhow::Result<()> {
    let cluster = tokio::task::spawn_blocking(|| Cluster::builder().durable().start()).await??;
    for round in 0..options.rounds {
        let database = format!("round_{round}");
        let server = PgPool::connect(&cluster.url("postgres")).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {database}")))
            .execute(&server)
            .await?;
        let pool = PgPool::connect(&cluster.url(&database)).await?;
        if round == 0 {
            settings(&pool).await?;
        }
        pgq::Pgq::from_pool(pool.clone()).migrate().await?;

        let started = Instant::now();
        enqueue(&pool, options.jobs).await?;
        let enqueued = rate(options.jobs, started.elapsed());

        let started = Instant::now();
        let report = pgq::run()
            .pool(pool.clone())
            .concurrency(options.concurrency)
            .until_idle()
            .await?;
        let drained = rate(options.jobs, started.elapsed());
        check(&pool, options.jobs, report).await?;
        println!("round {round}: enqueued {enqueued} jobs/s, drained {drained} jobs/s");
    }
    Ok(())
}

async fn enqueue(pool: &PgPool, jobs: i64) -> anyhow::Result<()> {
    for first in (0..jobs).step_by(usize::try_from(BATCH)?) {
        let numbers = first..jobs.min(first + BATCH);
        let inputs = numbers.map(|number| ("someone.somewhere@example.com".to_owned(), number));
        noop::enqueue_many(pool, inputs).await?;
    }
    Ok(())
}

/// Every job completed, none was lost, none ran twice.
async fn check(pool: &PgPool, jobs: i64, report: pgq::Report) -> anyhow::Result<()> {
    let row = sqlx::query(
        "select count(*) as finished, count(distinct id) as distinct_ids,
                count(*) filter (where state = 1 and deliveries = 1 and attempt = 1) as clean,
                (select count(*) from pgq_jobs.ready) + (select count(*) from pgq_jobs.running)
                    + (select count(*) from pgq_jobs.scheduled) as left_over
         from pgq_jobs.finished",
    )
    .fetch_one(pool)
    .await?;
    let count = |name: &str| row.try_get::<i64, _>(name);
    ensure!(
        report.idle,
        "the worker was not idle at the end: {report:?}"
    );
    ensure!(
        count("left_over")? == 0,
        "{} jobs are left over",
        count("left_over")?
    );
    ensure!(
        count("finished")? == jobs,
        "{} jobs finished",
        count("finished")?
    );
    ensure!(
        count("distinct_ids")? == jobs,
        "{} ids finished",
        count("distinct_ids")?
    );
    ensure!(
        count("clean")? == jobs,
        "{} jobs completed in one delivery",
        count("clean")?
    );
    Ok(())
}

async fn settings(pool: &PgPool) -> anyhow::Result<()> {
    let version: String = sqlx::query_scalar("select version()")
        .fetch_one(pool)
        .await?;
    println!("{version}");
    for name in [
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "shared_buffers",
    ] {
        let value: String = sqlx::query_scalar("select current_setting($1)")
            .bind(name)
            .fetch_one(pool)
            .await?;
        println!("{name} = {value}");
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn rate(jobs: i64, took: Duration) -> u64 {
    (jobs as f64 / took.as_secs_f64()) as u64
}
