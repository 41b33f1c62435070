//! Runs jobs that do nothing until none is left.

use std::time::{Duration, Instant};

use anyhow::ensure;
use pgq::{CancellationToken, Registry, Run};

use crate::Bench;
use crate::check::{self, Expected};
use crate::clients::{BATCH, Load, Step, create_bare};
use crate::report::Figure;
use crate::schema;
use crate::server::Database;
use crate::statistics::{Pairs, per_second};
use crate::task::{begun, flaky, noop};

const JOBS: i64 = 200_000;

/// How often a drain looks whether it is at its end: until every job has begun it only reads a
/// counter.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long nothing may begin, before that is taken for a job that was lost.
const STALL_MAX: Duration = Duration::from_secs(60);

/// How many connections delete rows from the bare table.
const DELETERS: usize = 4;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let jobs = bench.options.jobs(JOBS);
    let mut pairs = Pairs::default();
    for round in 0..bench.options.rounds {
        let drained = round_of(bench, jobs).await?;
        let bare = delete_bare(bench, jobs).await?;
        eprintln!("round {round}: {drained:.0} jobs/s, bare {bare:.0} rows/s");
        pairs.push(drained, bare);
    }
    Ok(vec![Figure::of_pairs("one worker", &pairs, "jobs/s")])
}

async fn round_of(bench: &Bench, jobs: i64) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    enqueue(&database, jobs).await?;
    let took = drained(bench, &database, jobs).await?;
    Expected::at_once(jobs).check(database.pool()).await?;
    bench.server.drop(database).await?;
    Ok(per_second(jobs, took))
}

async fn delete_bare(bench: &Bench, rows: i64) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    create_bare(&database).await?;
    load(Step::InsertBare, rows, 1).run(&database).await?;
    let took = load(Step::DeleteBare, rows, DELETERS)
        .run(&database)
        .await?;
    bench.server.drop(database).await?;
    Ok(per_second(rows, took))
}

/// Enqueues jobs that do nothing.
pub(super) async fn enqueue(database: &Database, jobs: i64) -> anyhow::Result<()> {
    load(Step::Enqueue, jobs, 1).run(database).await?;
    Ok(())
}

/// Runs the jobs that are there, without measuring.
pub(super) async fn drain(bench: &Bench, database: &Database, jobs: i64) -> anyhow::Result<()> {
    let before = begun();
    let report = worker(bench, database).until_idle().await?;
    check::worker(jobs, report, begun() - before)
}

/// Runs one worker until it has begun so many attempts, and nothing waits or runs in the database any
/// more. Returns the time from just before its start until that was seen, as `bench/peers` measures
/// the others.
pub(super) async fn drained(
    bench: &Bench,
    database: &Database,
    attempts: i64,
) -> anyhow::Result<Duration> {
    let enough = begun() + attempts;
    let stop = CancellationToken::new();
    let started = Instant::now();
    let seen = async {
        let (mut last, mut since) = (begun(), Instant::now());
        while last < enough || !schema::is_drained(database.pool()).await? {
            ensure!(
                since.elapsed() < STALL_MAX,
                "{} attempts never began, or one never ended",
                enough - last
            );
            tokio::time::sleep(LOOK_EVERY).await;
            if begun() > last {
                (last, since) = (begun(), Instant::now());
            }
        }
        let took = started.elapsed();
        stop.cancel();
        anyhow::Ok(took)
    };
    let worker = async { anyhow::Ok(worker(bench, database).stop_on(stop.clone()).await?) };
    let (_, took) = tokio::try_join!(worker, seen)?;
    ensure!(begun() == enough, "more attempts began than there were");
    Ok(took)
}

/// A worker of `noop` and `flaky`.
pub(super) fn worker(bench: &Bench, database: &Database) -> Run {
    Run::new(Registry::new())
        .task::<noop>()
        .task::<flaky>()
        .pool(database.pool().clone())
        .concurrency(bench.options.concurrency)
        // Ctrl-C is for the whole program.
        .without_signals()
}

fn load(step: Step, rows: i64, clients: usize) -> Load {
    Load {
        step,
        rows,
        batch: BATCH,
        clients,
    }
}
