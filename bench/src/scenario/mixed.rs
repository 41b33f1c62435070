//! Producers and a worker at once.

use super::drain::drained;
use crate::Bench;
use crate::check::Expected;
use crate::clients::{Load, Step, create_bare};
use crate::report::Figure;
use crate::statistics::{Pairs, per_second};

const JOBS: i64 = 200_000;

/// The jobs of one statement of a producer.
const BATCH: i64 = 100;

const PRODUCERS: usize = 4;

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
    let drained = drained(bench, &database, load.rows);
    let (_, took) = tokio::try_join!(load.run(&database), drained)?;
    Expected::at_once(load.rows).check(database.pool()).await?;
    bench.server.drop(database).await?;
    Ok(per_second(load.rows, took))
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
