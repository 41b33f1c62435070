//! What the server does without a queue: inserts rows as wide as jobs, with the same indexes, and
//! deletes them.

use anyhow::ensure;

use crate::Bench;
use crate::clients::{BATCH, Load, Step, create_bare};
use crate::report::Figure;
use crate::statistics::{median, per_second};

const ROWS: i64 = 200_000;

/// How many connections there are at once.
const CLIENTS: [usize; 2] = [1, 4];

/// The rates of the rounds.
#[derive(Debug, Default)]
struct Rates {
    insert: Vec<f64>,
    delete: Vec<f64>,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut all = CLIENTS.map(|clients| (clients, Rates::default()));
    for _ in 0..bench.options.rounds {
        for (clients, rates) in &mut all {
            measure(bench, *clients, rates).await?;
        }
    }
    let figures = all.iter().flat_map(|(clients, rates)| {
        let figure = |what: &str, rates| {
            let variant = format!("{what}, connections: {clients}");
            Figure::new(variant, median(rates), "rows/s")
        };
        [
            figure("insert", &rates.insert),
            figure("delete", &rates.delete),
        ]
    });
    Ok(figures.collect())
}

async fn measure(bench: &Bench, clients: usize, rates: &mut Rates) -> anyhow::Result<()> {
    let rows = bench.options.jobs(ROWS);
    let database = bench.server.database().await?;
    create_bare(&database).await?;
    let load = |step| Load {
        step,
        rows,
        batch: BATCH,
        clients,
    };
    let inserted = load(Step::InsertBare).run(&database).await?;
    let deleted = load(Step::DeleteBare).run(&database).await?;
    let left: i64 = sqlx::query_scalar("select count(*) from public.bare")
        .fetch_one(database.pool())
        .await?;
    ensure!(left == 0, "{left} rows are left");
    bench.server.drop(database).await?;
    rates.insert.push(per_second(rows, inserted));
    rates.delete.push(per_second(rows, deleted));
    Ok(())
}
