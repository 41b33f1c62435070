//! Measures how fast jobs run, end to end: `#[pgq::task]`, fencing, leases, history, durable
//! completion, on a server with stock durability.
//!
//! `cargo run --release -p pgq-bench -- drain [--jobs N] [--rounds N] [--concurrency N]`
//!
//! `pinned` and `pinned-scheduled` take the same options, and compare with a drain while another
//! session holds an old snapshot open.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pgq::embedded::Cluster;
use sqlx::{Connection as _, PgConnection, PgPool, Row};

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
        Some("pinned") => pinned(&options(arguments)?, Wait::Ready).await,
        Some("pinned-scheduled") => pinned(&options(arguments)?, Wait::Scheduled).await,
        _ => bail!(
            "usage: pgq-bench drain|pinned|pinned-scheduled [--jobs N] [--rounds N] \
             [--concurrency N]"
        ),
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

/// Where the jobs of a round are when the drain begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Ready,
    Scheduled,
}

/// Enqueues the jobs, then measures how long one worker takes to run them all.
async fn drain(options: &Options) -> anyhow::Result<()> {
    let cluster = start().await?;
    for number in 0..options.rounds {
        let pool = database(&cluster, number, "drain").await?;
        let (enqueued, drained) = round(&pool, options, Wait::Ready).await?;
        println!("round {number}: enqueued {enqueued} jobs/s, drained {drained} jobs/s");
    }
    Ok(())
}

/// Drains without and with an old snapshot held open, in turns.
async fn pinned(options: &Options, wait: Wait) -> anyhow::Result<()> {
    let cluster = start().await?;
    let mut ratios = Vec::new();
    for number in 0..options.rounds {
        let pool = database(&cluster, number, "free").await?;
        let (_, free) = round(&pool, options, wait).await?;
        pool.close().await;

        let pool = database(&cluster, number, "pinned").await?;
        let mut reader = PgConnection::connect_with(&pool.connect_options()).await?;
        sqlx::raw_sql("begin isolation level repeatable read; select 1")
            .execute(&mut reader)
            .await?;
        let (_, held) = round(&pool, options, wait).await?;
        reader.close().await?;
        pool.close().await;

        let ratio = ratio(held, free);
        println!("round {number}: {free} jobs/s, with an old snapshot {held} jobs/s: {ratio:.2}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("median ratio {median:.2}");
    }
    Ok(())
}

async fn start() -> anyhow::Result<Cluster> {
    let cluster = tokio::task::spawn_blocking(|| Cluster::builder().durable().start()).await??;
    settings(&PgPool::connect(&cluster.url("postgres")).await?).await?;
    Ok(cluster)
}

/// Makes a database for one round.
async fn database(cluster: &Cluster, number: u32, name: &str) -> anyhow::Result<PgPool> {
    let database = format!("{name}_{number}");
    let mut server = PgConnection::connect(&cluster.url("postgres")).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {database}")))
        .execute(&mut server)
        .await?;
    server.close().await?;
    let pool = PgPool::connect(&cluster.url(&database)).await?;
    pgq::Pgq::from_pool(pool.clone()).migrate().await?;
    Ok(pool)
}

/// Enqueues and drains; returns both rates.
async fn round(pool: &PgPool, options: &Options, wait: Wait) -> anyhow::Result<(u64, u64)> {
    let started = Instant::now();
    enqueue(pool, options.jobs).await?;
    let enqueued = rate(options.jobs, started.elapsed());
    if wait == Wait::Scheduled {
        postpone(pool).await?;
    }

    let started = Instant::now();
    let report = pgq::run()
        .pool(pool.clone())
        .concurrency(options.concurrency)
        .until_idle()
        .await?;
    let drained = rate(options.jobs, started.elapsed());
    check(pool, options.jobs, report).await?;
    Ok((enqueued, drained))
}

/// Turns ready jobs into scheduled ones that have just become due.
async fn postpone(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "with ready as (
             delete from pgq_jobs.ready
             returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts,
                       deaths, queue, task, input
         )
         insert into pgq_jobs.scheduled
             (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts,
              deaths, queue, task, input)
         select id, fingerprint, created_at, now() - interval '1 hour' + id * interval '1 ms',
                deliveries, priority, attempt, max_attempts, deaths, queue, task, input
         from ready",
    )
    .execute(pool)
    .await?;
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

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(held: u64, free: u64) -> f64 {
    held as f64 / free as f64
}
