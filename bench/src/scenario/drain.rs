//! Runs jobs that do nothing until none is left.

use std::time::{Duration, Instant};

use pgq::{Registry, Run};

use crate::Bench;
use crate::check::{self, Expected};
use crate::clients::{BATCH, Load, Step, create_bare};
use crate::report::Figure;
use crate::server::Database;
use crate::statistics::{Pairs, per_second};
use crate::task::{begun, flaky, noop};

const JOBS: i64 = 200_000;

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
    let took = drain(bench, &database, jobs).await?;
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

/// Runs the jobs that are there with one worker, start and stop included; returns how long it took.
pub(super) async fn drain(
    bench: &Bench,
    database: &Database,
    jobs: i64,
) -> anyhow::Result<Duration> {
    let before = begun();
    let started = Instant::now();
    let report = worker(bench, database).until_idle().await?;
    let took = started.elapsed();
    check::worker(jobs, report, begun() - before)?;
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
