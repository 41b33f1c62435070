//! Enqueues one job a transaction, from many clients at once, which is what waking workers can
//! slow down.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;

use super::drain::drain;
use crate::Bench;
use crate::check::Expected;
use crate::clients::{Clients, Step};
use crate::process::{LOOK_EVERY, Worker};
use crate::report::{Bar, Figure};
use crate::schema;
use crate::server::Database;
use crate::statistics::{Pairs, per_second};
use crate::task::hold;

const JOBS: i64 = 20_000;

/// How many are enqueued in one way before it is the other's turn.
const TURN: i64 = 2000;

/// The least part of the rate without wake-up.
const BAR: Bar = Bar::RatioAtLeast(0.95);

/// How many jobs a busy worker runs.
const SLOTS: usize = 10;

/// What is there beside the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Workers {
    /// No worker.
    None,
    /// A worker that has nothing to do but these jobs, and keeps up with them. Where nobody wakes
    /// it, it polls.
    Idle,
    /// A worker whose every slot is taken.
    Busy,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut all =
        [Workers::None, Workers::Idle, Workers::Busy].map(|workers| (workers, Pairs::default()));
    for round in 0..bench.options.rounds {
        for (workers, pairs) in &mut all {
            let (figure, baseline) = measure(bench, *workers).await?;
            eprintln!(
                "round {round}, {workers}: {figure:.0} jobs/s, without wake-up {baseline:.0} rows/s"
            );
            pairs.push(figure, baseline);
        }
    }
    let figure = |(workers, pairs): &(Workers, Pairs)| {
        let figure = Figure::of_pairs(workers.to_string(), pairs, "jobs/s");
        match workers {
            Workers::None => figure,
            Workers::Idle | Workers::Busy => figure.held_to(BAR),
        }
    };
    Ok(all.iter().map(figure).collect())
}

/// Enqueues as many jobs in either way, by turns, on the same connections and beside the same worker:
/// the two differ by less than what a busy machine does from one second to the next.
async fn measure(bench: &Bench, workers: Workers) -> anyhow::Result<(f64, f64)> {
    let database = bench.server.database().await?;
    let worker = workers.start(&database).await?;
    let mut clients = Clients::connect(&database, bench.options.clients).await?;
    let rows = bench.options.jobs(JOBS);
    let (mut with, mut without) = (Duration::ZERO, Duration::ZERO);
    for (turn, first) in (0..rows).step_by(usize::try_from(TURN)?).enumerate() {
        let rows = first..rows.min(first + TURN);
        let mut order = [
            (Step::Enqueue, &mut with),
            (Step::InsertWithoutWakeUp, &mut without),
        ];
        if turn % 2 == 1 {
            order.reverse();
        }
        for (step, took) in order {
            *took += clients.share(step, rows.clone(), 1).await?;
            if workers == Workers::Idle {
                // What it has not run yet is not for the next turn to pay.
                finished(&database).await?;
            }
        }
    }
    let mut jobs = 2 * rows;
    match worker {
        None => {
            drain(bench, &database, jobs).await?;
        }
        Some(mut worker) => {
            if workers == Workers::Busy {
                worker.open_gate()?;
                jobs += i64::try_from(SLOTS)?;
            }
            finished(&database).await?;
        }
    }
    Expected::at_once(jobs).check(database.pool()).await?;
    bench.server.drop(database).await?;
    Ok((per_second(rows, with), per_second(rows, without)))
}

/// Waits until every job has finished.
async fn finished(database: &Database) -> anyhow::Result<()> {
    while schema::unfinished(database.pool()).await? > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

impl Workers {
    async fn start(self, database: &Database) -> anyhow::Result<Option<Worker>> {
        match self {
            Self::None => Ok(None),
            Self::Idle => Ok(Some(Worker::start(database, None).await?)),
            Self::Busy => {
                let slots = i64::try_from(SLOTS)?;
                for _ in 0..slots {
                    hold::enqueue(database.pool()).await?;
                }
                let worker = Worker::start(database, Some(SLOTS)).await?;
                while schema::running(database.pool()).await? < slots {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                let unfinished = schema::unfinished(database.pool()).await?;
                ensure!(unfinished == slots, "the slots of the worker are not taken");
                Ok(Some(worker))
            }
        }
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no worker",
            Self::Idle => "workers idle",
            Self::Busy => "workers busy",
        })
    }
}
