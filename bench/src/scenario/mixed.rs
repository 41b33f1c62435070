//! Producers and a worker at once.

use std::time::{Duration, Instant};

use anyhow::ensure;
use pgq::CancellationToken;

use super::drain::worker;
use crate::Bench;
use crate::check::Expected;
use crate::clients::{Load, Step, create_bare};
use crate::report::Figure;
use crate::server::Database;
use crate::statistics::{Pairs, per_second};
use crate::task::begun;

const JOBS: i64 = 200_000;

/// The jobs of one statement of a producer.
const BATCH: i64 = 100;

const PRODUCERS: usize = 4;

/// How often this looks whether every job has begun; it only reads a counter.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How long nothing may begin, before that is taken for a job that was lost.
const STALL_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut pairs = Pairs::default();
    for round in 0..bench.options.rounds {
        let figure = measure(bench).await?;
        let bare = bare(bench).await?;
        eprintln!("round {round}: {figure:.0} jobs/s, bare {bare:.0} rows/s");
        pairs.push(figure, bare);
    }
    let variant = format!("{PRODUCERS} producers, one worker");
    Ok(vec![Figure::of_pairs(variant, &pairs, "jobs/s")])
}

async fn measure(bench: &Bench) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    let load = load(bench, Step::Enqueue);
    let started = Instant::now();
    let (enqueued, worked) = tokio::join!(
        load.run(&database),
        run_until_begun(bench, &database, load.rows)
    );
    let took = started.elapsed();
    enqueued?;
    worked?;
    Expected::at_once(load.rows).check(database.pool()).await?;
    bench.server.drop(database).await?;
    Ok(per_second(load.rows, took))
}

/// Runs a worker until it has begun so many attempts, and until what they came to is written.
pub(super) async fn run_until_begun(
    bench: &Bench,
    database: &Database,
    attempts: i64,
) -> anyhow::Result<()> {
    let enough = begun() + attempts;
    let stop = CancellationToken::new();
    let all_begun = async {
        let (mut last, mut since) = (begun(), Instant::now());
        while last < enough {
            ensure!(
                since.elapsed() < STALL_MAX,
                "{} attempts never began",
                enough - last
            );
            tokio::time::sleep(LOOK_EVERY).await;
            if begun() > last {
                (last, since) = (begun(), Instant::now());
            }
        }
        stop.cancel();
        Ok(())
    };
    let worker = async { anyhow::Ok(worker(bench, database).stop_on(stop.clone()).await?) };
    tokio::try_join!(worker, all_begun)?;
    Ok(())
}

async fn bare(bench: &Bench) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    create_bare(&database).await?;
    let load = load(bench, Step::InsertAndDeleteBare);
    let took = load.run(&database).await?;
    bench.server.drop(database).await?;
    Ok(per_second(load.rows, took))
}

fn load(bench: &Bench, step: Step) -> Load {
    Load {
        step,
        rows: bench.options.jobs(JOBS),
        batch: BATCH,
        clients: PRODUCERS,
    }
}
