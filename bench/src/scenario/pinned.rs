//! Runs jobs while somebody holds an old snapshot open, which keeps every dead row in its place.

mod holder;

use pgq::postgres::PostgresDriver;
use std::fmt;

use self::holder::{HOLDERS, Held, Holder};
use super::drain::drained;
use crate::Bench;
use crate::check::Expected;
use crate::clients::{BATCH, Load, Step};
use crate::enqueuer::Delayed;
use crate::report::{Bar, Figure};
use crate::server::Database;
use crate::statistics::{Pairs, per_second};
use crate::task::{flaky, inputs, noop};

const JOBS: i64 = 200_000;

/// The least part of the rate without an old snapshot.
const BAR: Bar = Bar::RatioAtLeast(0.9);

/// Where the jobs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jobs {
    /// They are due at once.
    Ready,
    /// They were delayed, and are due when the drain begins.
    Delayed,
    /// The first attempt of each fails, and the second comes after the default backoff.
    Retried,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let holders = holder::possible(bench, HOLDERS).await?;
    let mut all = Vec::new();
    for jobs in [Jobs::Ready, Jobs::Delayed, Jobs::Retried] {
        let pairs = holders.iter().map(|holder| (*holder, Pairs::default()));
        all.push((jobs, pairs.collect::<Vec<_>>()));
    }
    for round in 0..bench.options.rounds {
        for (jobs, pairs) in &mut all {
            // In odd rounds the baseline comes last: a machine that gets slower with time must not
            // always favour it.
            let early = match round % 2 {
                0 => Some(measure(bench, *jobs, None).await?),
                _ => None,
            };
            let mut rates = Vec::new();
            for (holder, _) in pairs.iter() {
                rates.push(measure(bench, *jobs, Some(*holder)).await?);
            }
            let free = match early {
                Some(rate) => rate,
                None => measure(bench, *jobs, None).await?,
            };
            eprintln!("round {round}, {jobs}: {free:.0} jobs/s without");
            for ((holder, pairs), rate) in pairs.iter_mut().zip(rates) {
                eprintln!("round {round}, {jobs}, {holder}: {rate:.0} jobs/s");
                pairs.push(rate, free);
            }
        }
    }
    let mut figures = Vec::new();
    for (jobs, pairs) in &all {
        for (holder, pairs) in pairs {
            let figure = Figure::of_pairs(format!("{jobs}, {holder}"), pairs, "jobs/s");
            figures.push(figure.held_to(BAR));
        }
    }
    Ok(figures)
}

async fn measure(bench: &Bench, jobs: Jobs, holder: Option<Holder>) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    let held = match holder {
        Some(holder) => Some(Held::begin(bench, &database, holder).await?),
        None => None,
    };
    let count = bench.options.jobs(JOBS);
    jobs.enqueue(&database, count).await?;
    let took = drained(bench, &database, jobs.attempts(count)).await?;
    if let Some(held) = held {
        held.end(bench, &database).await?;
    }
    jobs.expected(count).check(database.pool()).await?;
    bench.server.drop(database).await?;
    Ok(per_second(count, took))
}

impl Jobs {
    async fn enqueue(self, database: &Database, count: i64) -> anyhow::Result<()> {
        if self == Self::Ready {
            let load = Load {
                step: Step::Enqueue,
                rows: count,
                batch: BATCH,
                clients: 1,
            };
            load.run(database).await?;
            return Ok(());
        }
        let driver = PostgresDriver::new(database.pool().clone());
        for first in (0..count).step_by(usize::try_from(BATCH)?) {
            let inputs = inputs(first..count.min(first + BATCH));
            match self {
                Self::Retried => flaky::enqueue_many(database.pool(), inputs).await?.len(),
                _ => noop::enqueue_many(Delayed(&driver), inputs).await?.len(),
            };
        }
        Ok(())
    }

    /// How often a worker begins these jobs.
    fn attempts(self, jobs: i64) -> i64 {
        match self {
            Self::Ready | Self::Delayed => jobs,
            Self::Retried => 2 * jobs,
        }
    }

    fn expected(self, jobs: i64) -> Expected {
        match self {
            Self::Ready | Self::Delayed => Expected::at_once(jobs),
            Self::Retried => Expected {
                jobs,
                deliveries: 2..=2,
                attempt: 2,
                left_over: 0,
            },
        }
    }
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Delayed => "delayed",
            Self::Retried => "retried",
        })
    }
}
