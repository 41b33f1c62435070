//! A drain under a limit of the whole fleet that is never reached.

use super::drain::{drained, enqueue};
use crate::Bench;
use crate::check::Expected;
use crate::report::{Bar, Figure};
use crate::statistics::{Pairs, per_second};

/// Enough for several seconds: what it costs a worker to ask for its permits when it starts is not
/// what is measured.
const JOBS: i64 = 600_000;

/// More than any worker runs at once.
const LIMIT: u32 = 100_000;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let jobs = bench.options.jobs(JOBS);
    let mut pairs = Pairs::default();
    for round in 0..bench.options.rounds {
        // Each is first in every other round: the second of two finds a warmer server.
        let (limited, free) = if round % 2 == 0 {
            let limited = round_of(bench, jobs, true).await?;
            (limited, round_of(bench, jobs, false).await?)
        } else {
            let free = round_of(bench, jobs, false).await?;
            (round_of(bench, jobs, true).await?, free)
        };
        eprintln!("round {round}: {limited:.0} jobs/s, without a limit {free:.0} jobs/s");
        pairs.push(limited, free);
    }
    let figure = Figure::of_pairs("limit of the task, one worker", &pairs, "jobs/s");
    Ok(vec![figure.held_to(Bar::RatioAtLeast(0.95))])
}

async fn round_of(bench: &Bench, jobs: i64, is_limited: bool) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    if is_limited {
        let pgq = pgq::Pgq::from_pool(database.pool().clone());
        pgq.limit_task("noop", LIMIT).await?;
    }
    enqueue(&database, jobs).await?;
    let took = drained(bench, &database, jobs).await?;
    Expected::at_once(jobs).check(database.pool()).await?;
    bench.server.drop(database).await?;
    Ok(per_second(jobs, took))
}
