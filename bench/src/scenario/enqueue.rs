//! Enqueues in batches.

use anyhow::ensure;

use super::drain::drain;
use crate::Bench;
use crate::check::Expected;
use crate::clients::{BATCH, Load, Step, create_bare};
use crate::report::Figure;
use crate::statistics::{Pairs, per_second};

const JOBS: i64 = 200_000;

/// How many clients enqueue at once.
const CLIENTS: [usize; 2] = [1, 4];

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let jobs = bench.options.jobs(JOBS);
    let mut all: Vec<(usize, Pairs)> = CLIENTS.map(|clients| (clients, Pairs::default())).into();
    for round in 0..bench.options.rounds {
        for (clients, pairs) in &mut all {
            let figure = enqueue(bench, jobs, *clients).await?;
            let bare = insert_bare(bench, jobs, *clients).await?;
            eprintln!(
                "round {round}, clients: {clients}: {figure:.0} jobs/s, bare {bare:.0} rows/s"
            );
            pairs.push(figure, bare);
        }
    }
    let figure = |(clients, pairs): &(usize, Pairs)| {
        Figure::of_pairs(format!("clients: {clients}"), pairs, "jobs/s")
    };
    Ok(all.iter().map(figure).collect())
}

async fn enqueue(bench: &Bench, jobs: i64, clients: usize) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    let took = load(Step::Enqueue, jobs, clients).run(&database).await?;
    // Not only counted: each of them is a job that runs.
    drain(bench, &database, jobs).await?;
    Expected::at_once(jobs).check(database.pool()).await?;
    bench.server.drop(database).await?;
    Ok(per_second(jobs, took))
}

async fn insert_bare(bench: &Bench, jobs: i64, clients: usize) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    create_bare(&database).await?;
    let took = load(Step::InsertBare, jobs, clients).run(&database).await?;
    let rows: i64 = sqlx::query_scalar("select count(*) from public.bare")
        .fetch_one(database.pool())
        .await?;
    ensure!(rows == jobs, "{rows} of {jobs} rows are there");
    bench.server.drop(database).await?;
    Ok(per_second(jobs, took))
}

fn load(step: Step, rows: i64, clients: usize) -> Load {
    Load {
        step,
        rows,
        batch: BATCH,
        clients,
    }
}
