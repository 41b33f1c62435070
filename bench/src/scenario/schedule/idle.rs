//! What schedules cost that are not due: a worker beside one that has none.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use pgq::When;
use sqlx::PgConnection;

use super::many::make;
use super::{MANY, SECONDS};
use crate::Bench;
use crate::check::Expected;
use crate::clock::Clock;
use crate::cpu::Used;
use crate::process::Worker;
use crate::report::Figure;
use crate::schema;
use crate::server::Database;

/// How far off the ticks are.
const FAR: TimeDelta = TimeDelta::days(1);

/// How long a worker takes to know all schedules, and the server to count what was done until then.
const SETTLE: Duration = Duration::from_secs(12);

/// A worker that has nothing to do.
struct Side {
    database: Database,
    worker: Worker,
}

/// What was done up to now.
struct Done {
    at: Instant,
    transactions: i64,
    server: Used,
    worker: Used,
}

/// What is done in a minute.
#[derive(Clone, Copy, Debug)]
struct Minute {
    transactions: f64,
    /// Milliseconds of the processor, if the machine tells.
    server: Option<f64>,
    worker: Option<f64>,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let count = bench.options.jobs(MANY);
    let seconds = u64::try_from(bench.options.seconds(SECONDS))?;
    // Not of the databases that are watched: it is no part of what they do.
    let mut connection = bench.server.connect().await?;
    let some = Side::start(bench, count).await?;
    let none = Side::start(bench, 0).await?;
    tokio::time::sleep(SETTLE).await;
    let before = some.done(bench, &mut connection).await?;
    let none_before = none.done(bench, &mut connection).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let some_minute = some.done(bench, &mut connection).await?.since(&before);
    let none_minute = none.done(bench, &mut connection).await?.since(&none_before);
    for side in [some, none] {
        side.end(bench).await?;
    }
    Ok(figures(count, some_minute, none_minute))
}

fn figures(count: i64, some: Minute, none: Minute) -> Vec<Figure> {
    let named = |what: &str| format!("{count} idle, {what}");
    let extra = some.transactions - none.transactions;
    let mut figures = vec![
        Figure::new(named("transactions"), some.transactions, "/min").beside(none.transactions),
        Figure::new(named("extra transactions"), extra, "/min"),
    ];
    for (what, some, none) in [
        ("server's CPU", some.server, none.server),
        ("worker's CPU", some.worker, none.worker),
    ] {
        let Some(some) = some else {
            continue;
        };
        let figure = Figure::new(named(what), some, "ms/min");
        // One that idles for a moment takes less than what is counted.
        figures.push(match none.filter(|none| *none > 0.0) {
            Some(none) => figure.beside(none),
            None => figure,
        });
    }
    figures
}

impl Side {
    async fn start(bench: &Bench, schedules: i64) -> anyhow::Result<Self> {
        let database = bench.server.database().await?;
        let now = Clock::compare(&mut database.connect().await?).await?.now();
        let now = DateTime::from_timestamp_micros(now).unwrap_or_default();
        let when = When::cron("* * * * * *").starts_at(now + FAR);
        make(&database, schedules, when).await?;
        // By hand and now, so that the server does not do it while they idle.
        sqlx::raw_sql("vacuum analyze")
            .execute(database.pool())
            .await?;
        let worker = Worker::start(&database, None).await?;
        Ok(Self { database, worker })
    }

    async fn done(&self, bench: &Bench, connection: &mut PgConnection) -> anyhow::Result<Done> {
        let name = self.database.name();
        let transactions = schema::transactions(connection, name).await?;
        let backends = match bench.server.is_own() {
            true => schema::backends(connection, name).await?,
            // Processes of another machine may have the numbers of ours.
            false => Vec::new(),
        };
        Ok(Done {
            at: Instant::now(),
            transactions,
            server: Used::of(&backends),
            worker: Used::of(&[self.worker.process()?]),
        })
    }

    /// Checks that nothing has ticked.
    async fn end(self, bench: &Bench) -> anyhow::Result<()> {
        let Self { database, worker } = self;
        drop(worker);
        Expected::at_once(0).check(database.pool()).await?;
        bench.server.drop(database).await
    }
}

impl Done {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn since(&self, before: &Self) -> Minute {
        let minutes = (self.at - before.at).as_secs_f64() / 60.0;
        let used = |now: &Used, before: &Used| match now.is_empty() {
            true => None,
            false => Some(now.since(before) / minutes),
        };
        Minute {
            transactions: (self.transactions - before.transactions) as f64 / minutes,
            server: used(&self.server, &before.server),
            worker: used(&self.worker, &before.worker),
        }
    }
}
