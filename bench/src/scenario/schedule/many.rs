//! Very many schedules, made at run time, that are all due at the same second.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::DateTime;
use pgq::When;
use sqlx::PgPool;
use tokio::task::JoinSet;

use super::MANY;
use crate::Bench;
use crate::check::Expected;
use crate::clients::{Load, Step, create_bare};
use crate::clock::{Micros, SECOND, millis_after};
use crate::report::{Bar, Figure};
use crate::schema;
use crate::server::Database;
use crate::statistics::{Pairs, median, millis};
use crate::task::{clocked, inputs};
use crate::watched::{Begin, Watched};

/// The time to make the schedules: so long, and so long for each.
const LEAD: Micros = 5 * SECOND;
const LEAD_OF_ONE: Micros = 4000;

/// How many clients make schedules at once.
const CLIENTS: usize = 4;

/// How many rows one statement inserts into the bare table: the ticks of a statement.
const BATCH: i64 = 500;

/// The most that the last job may be late, in milliseconds.
const BAR: Bar = Bar::FigureAtMost(1000.0);

/// How late jobs were, in milliseconds.
#[derive(Debug)]
struct Late {
    first: f64,
    last: f64,
    start: f64,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let count = bench.options.jobs(MANY);
    let mut pairs = Pairs::default();
    let (mut firsts, mut starts) = (Vec::new(), Vec::new());
    for round in 0..bench.options.rounds {
        let late = round_of(bench, count).await?;
        let bare = insert_bare(bench, count).await?;
        let Late { first, last, start } = late;
        eprintln!(
            "round {round}, {count} at once: the first after {first:.0} ms, the last after {last:.0} ms, \
             begun after {start:.0} ms; bare {bare:.0} ms"
        );
        pairs.push(last, bare);
        firsts.push(first);
        starts.push(start);
    }
    let named = |what: &str| format!("{count} at once, {what}");
    Ok(vec![
        Figure::new(named("first enqueue"), median(&firsts), "ms"),
        Figure::of_pairs(named("last enqueue"), &pairs, "ms").held_to(BAR),
        Figure::new(named("last start"), median(&starts), "ms"),
    ])
}

async fn round_of(bench: &Bench, count: i64) -> anyhow::Result<Late> {
    let database = bench.server.database().await?;
    let mut worker = Watched::start(&database, None).await?;
    let clock = worker.clock;
    let tick = (clock.now() + LEAD + count * LEAD_OF_ONE) / SECOND * SECOND;
    let started = Instant::now();
    make(&database, count, once_at(tick)?).await?;
    eprintln!(
        "made {count} schedules in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    ensure!(
        clock.now() + SECOND < tick,
        "the machine took longer to make the schedules than until their tick"
    );
    clock.sleep_until(tick).await;
    let begins = worker.collect(count).await?;
    // Another job of a tick would be there by then.
    let last = begins.iter().map(|begin| begin.at).max();
    clock.sleep_until(last.unwrap_or(tick) + 2 * SECOND).await;
    worker.end().await?;
    Expected::at_once(count + 1).check(database.pool()).await?;
    each_once(count, &begins)?;
    // The first job of the worker is no tick.
    let made = schema::times_above(database.pool(), 1).await?;
    bench.server.drop(database).await?;

    let created = || made.iter().map(|times| times.created_at);
    let (first, last) = created().min().zip(created().max()).context("no job")?;
    ensure!(first >= tick, "a job was there before its tick");
    let begun = begins.iter().map(|begin| begin.at).max();
    Ok(Late {
        first: millis_after(tick, first),
        last: millis_after(tick, last),
        start: millis_after(tick, begun.context("no job")?),
    })
}

/// A tick, and the next a day later.
fn once_at(tick: Micros) -> anyhow::Result<When> {
    let at = DateTime::from_timestamp_micros(tick).context("no such time")?;
    Ok(When::cron(at.format("%-S %-M %-H * * *").to_string()))
}

/// Makes so many schedules at once, each with a number of its own.
pub(super) async fn make(database: &Database, count: i64, when: When) -> anyhow::Result<()> {
    let next = Arc::new(AtomicI64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (next, when, pool) = (Arc::clone(&next), when.clone(), database.pool().clone());
        clients.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                make_one(&pool, number, when.clone()).await?;
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

async fn make_one(pool: &PgPool, number: i64, when: When) -> anyhow::Result<()> {
    for (to, input) in inputs(number..number + 1) {
        let job = clocked::job(to, input);
        job.schedule(format!("schedule-{number}"), when.clone())
            .create(pool)
            .await?;
    }
    Ok(())
}

/// Checks that each schedule had one job, by the numbers.
fn each_once(count: i64, begins: &[Begin]) -> anyhow::Result<()> {
    let mut numbers: Vec<i64> = begins.iter().map(|begin| begin.number).collect();
    numbers.sort_unstable();
    ensure!(
        numbers.iter().copied().eq(0..count),
        "of {count} schedules, one had no job or two"
    );
    Ok(())
}

async fn insert_bare(bench: &Bench, rows: i64) -> anyhow::Result<f64> {
    let database = bench.server.database().await?;
    create_bare(&database).await?;
    let load = Load {
        step: Step::InsertBare,
        rows,
        batch: BATCH,
        clients: 1,
    };
    let took = load.run(&database).await?;
    bench.server.drop(database).await?;
    Ok(millis(took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schedule_has_one_job() {
        let begins = |numbers: &[i64]| -> Vec<Begin> {
            let begin = |number: &i64| Begin {
                job: 0,
                number: *number,
                at: 0,
            };
            numbers.iter().map(begin).collect()
        };

        assert!(each_once(3, &begins(&[2, 0, 1])).is_ok());
        for numbers in [&[0, 1][..], &[0, 1, 1], &[0, 1, 2, 2], &[1, 2, 3]] {
            assert!(each_once(3, &begins(numbers)).is_err(), "{numbers:?}");
        }
    }
}
