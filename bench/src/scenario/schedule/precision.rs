//! A schedule that ticks each second, in a worker that has nothing else to do.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::DateTime;
use pgq::{Missed, When};
use sqlx::PgConnection;
use sqlx::postgres::PgListener;

use super::SECONDS;
use crate::Bench;
use crate::check::Expected;
use crate::clients::create_bare;
use crate::clock::{Clock, Micros, SECOND, millis_after};
use crate::enqueuer::{BareAndNotify, CHANNEL};
use crate::report::{Bar, Figure};
use crate::schema::{self, Times};
use crate::server::Database;
use crate::statistics::quantile;
use crate::task::{clocked, inputs};
use crate::watched::{Begin, Watched};

/// How far off the first tick is when the schedule is made.
const LEAD: Micros = 3 * SECOND;

/// The most that a tick may be late, in milliseconds.
const BAR: Bar = Bar::FigureAtMost(50.0);

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

/// How late each tick was, in milliseconds.
#[derive(Debug, Default)]
struct Late {
    enqueue: Vec<f64>,
    start: Vec<f64>,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let seconds = bench.options.seconds(SECONDS);
    let database = bench.server.database().await?;
    create_bare(&database).await?;
    let mut worker = Watched::start(&database, None).await?;
    let clock = worker.clock;
    let first = (clock.now() + LEAD) / SECOND * SECOND;
    make(&database, first, seconds).await?;
    let bare = bare(&database, clock, first, seconds);
    let (begins, bare) = tokio::try_join!(worker.collect(seconds), bare)?;
    // Another job of a tick would be there by then.
    clock.sleep_until(first + (seconds + 2) * SECOND).await;
    worker.end().await?;
    Expected::at_once(seconds + 1)
        .check(database.pool())
        .await?;
    // The first job of the worker is no tick.
    let made = schema::times_above(database.pool(), 1).await?;
    bench.server.drop(database).await?;
    let late = lateness(first, seconds, &made, &begins)?;

    let mut figures = Vec::new();
    for (name, part) in QUANTILES {
        let enqueue = Figure::new(
            format!("each second, enqueue {name}"),
            quantile(&late.enqueue, part),
            "ms",
        );
        let start = Figure::new(
            format!("each second, start {name}"),
            quantile(&late.start, part),
            "ms",
        )
        .beside(quantile(&bare, part));
        figures.extend(match name {
            "p99" => [enqueue.held_to(BAR), start.held_to(BAR)],
            _ => [enqueue, start],
        });
    }
    Ok(figures)
}

async fn make(database: &Database, first: Micros, seconds: i64) -> anyhow::Result<()> {
    let instant = |at| DateTime::from_timestamp_micros(at).context("no such time");
    let when = When::cron("* * * * * *")
        .starts_at(instant(first)?)
        .ends_at(instant(first + seconds * SECOND)?);
    for (to, number) in inputs(0..1) {
        clocked::job(to, number)
            .schedule("each-second", when.clone())
            // A machine that stands still for a while makes ticks late, and takes none away.
            .missed(Missed::All {
                within: Duration::from_secs(3600),
            })
            .create(database.pool())
            .await?;
    }
    Ok(())
}

/// Half a second after each tick: how late a notification comes that somebody sends at a given time.
async fn bare(
    database: &Database,
    clock: Clock,
    first: Micros,
    seconds: i64,
) -> anyhow::Result<Vec<f64>> {
    let mut connection: PgConnection = database.connect().await?;
    let mut listener = PgListener::connect_with(database.pool()).await?;
    listener.listen(CHANNEL).await?;
    let mut late = Vec::new();
    for second in 0..seconds {
        let at = first + second * SECOND + SECOND / 2;
        clock.sleep_until(at).await;
        for (to, number) in inputs(0..1) {
            let bare = BareAndNotify {
                connection: &mut connection,
                after: second,
            };
            clocked::enqueue(bare, to, number).await?;
        }
        listener.recv().await?;
        late.push(millis_after(at, clock.now()));
    }
    Ok(late)
}

/// How late each tick was. The job of a tick is told by its place: were a tick without one, or had it two,
/// there would be another number of jobs; or those from there on would be before their ticks, or late by
/// a second.
fn lateness(first: Micros, seconds: i64, made: &[Times], begins: &[Begin]) -> anyhow::Result<Late> {
    ensure!(
        i64::try_from(made.len())? == seconds,
        "{seconds} ticks have {} jobs",
        made.len()
    );
    let began: HashMap<i64, Micros> = begins.iter().map(|begin| (begin.job, begin.at)).collect();
    let mut late = Late::default();
    for (tick, times) in (0..).map(|place| first + place * SECOND).zip(made) {
        let began = began.get(&times.job);
        let began = began.with_context(|| format!("job {} never began", times.job))?;
        ensure!(
            times.created_at >= tick,
            "a job was there {:.3} ms before its tick",
            millis_after(times.created_at, tick)
        );
        late.enqueue.push(millis_after(tick, times.created_at));
        late.start.push(millis_after(tick, *began));
    }
    Ok(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs that were made so many milliseconds after the first tick, and began two later.
    fn late(made: &[i64]) -> anyhow::Result<Late> {
        let first = 1000 * SECOND;
        let jobs = (2..).zip(made);
        let (times, begins): (Vec<Times>, Vec<Begin>) = jobs
            .map(|(job, after)| {
                let created_at = first + after * 1000;
                let times = Times {
                    job,
                    created_at,
                    claimed_at: created_at,
                };
                let (number, at) = (0, created_at + 2000);
                (times, Begin { job, number, at })
            })
            .unzip();
        lateness(first, 3, &times, &begins)
    }

    #[test]
    fn each_tick_is_late_by_its_own_time() {
        let late = late(&[1, 1002, 2003]).unwrap();

        assert_eq!(late.enqueue, [1.0, 2.0, 3.0]);
        assert_eq!(late.start, [3.0, 4.0, 5.0]);
    }

    #[test]
    fn ticks_that_were_missed_doubled_or_early_have_no_figure() {
        for made in [
            &[1, 1002][..],
            &[1, 1002, 2003, 2004],
            &[1, 2, 2003],
            &[1, 999, 2003],
        ] {
            assert!(late(made).is_err(), "{made:?}");
        }
    }
}
