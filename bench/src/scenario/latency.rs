//! From the call that enqueues a job to the start of its task, in a worker that waits.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use pgq::{CancellationToken, Registry, Run};
use sqlx::PgConnection;
use sqlx::postgres::PgListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::Bench;
use crate::check::Expected;
use crate::clients::create_bare;
use crate::enqueuer::{Bare, BareAndNotify, CHANNEL};
use crate::report::{Bar, Figure};
use crate::server::Database;
use crate::statistics::{median, millis, quantile};
use crate::task::{Starts, stamp};

/// The jobs of a round.
const JOBS: i64 = 400;

/// The pause before each sample: the worker has finished the last job and waits again.
const PAUSE_MS: std::ops::Range<u64> = 15..35;

/// A commit that takes no longer than this is a fast one.
const FAST_COMMIT_MS: f64 = 0.5;

/// What a job may take where commits are fast, by quantile, in milliseconds.
const BARS: [(&str, f64, Option<f64>); 3] = [
    ("p50", 0.5, Some(1.0)),
    ("p90", 0.9, None),
    ("p99", 0.99, Some(3.0)),
];

/// What a job may take elsewhere, in round trips of a bare notification.
const ROUND_TRIPS_MAX: f64 = 2.0;

/// Durations in milliseconds.
#[derive(Debug, Default)]
struct Samples {
    job: Vec<f64>,
    round_trip: Vec<f64>,
    commit: Vec<f64>,
}

/// The connections of the one who measures.
struct Client {
    connection: PgConnection,
    listener: PgListener,
    starts: UnboundedReceiver<Instant>,
    /// The rows of the bare table.
    rows: i64,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let jobs = bench.options.jobs(JOBS);
    let mut samples = Samples::default();
    for round in 0..bench.options.rounds {
        let database = bench.server.database().await?;
        create_bare(&database).await?;
        measure(&database, jobs, &mut samples).await?;
        bench.server.drop(database).await?;
        let median = median(&samples.job);
        eprintln!("round {round}: {median:.2} ms up to now");
    }
    Ok(figures(&samples))
}

async fn measure(database: &Database, jobs: i64, samples: &mut Samples) -> anyhow::Result<()> {
    let (sender, starts) = unbounded_channel();
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<stamp>()
        .state(Starts(sender))
        .pool(database.pool().clone())
        .without_signals()
        .stop_on(stop.clone());
    let mut listener = PgListener::connect_with(database.pool()).await?;
    listener.listen(CHANNEL).await?;
    let mut client = Client {
        connection: database.connect().await?,
        listener,
        starts,
        rows: 0,
    };
    let worker = tokio::spawn(run.into_future());
    // The first one waits for the worker to start.
    client.job().await?;
    for _ in 0..jobs {
        pause().await;
        samples.job.push(millis(client.job().await?));
        pause().await;
        samples.round_trip.push(millis(client.round_trip().await?));
        samples.commit.push(millis(client.commit().await?));
    }
    stop.cancel();
    worker.await??;
    Expected::at_once(jobs + 1).check(database.pool()).await
}

async fn pause() {
    let pause = Duration::from_millis(fastrand::u64(PAUSE_MS));
    tokio::time::sleep(pause).await;
}

impl Client {
    async fn job(&mut self) -> anyhow::Result<Duration> {
        let called = Instant::now();
        stamp::enqueue(&mut self.connection).await?;
        let begun = self.starts.recv().await.context("the worker has ended")?;
        Ok(begun.saturating_duration_since(called))
    }

    async fn round_trip(&mut self) -> anyhow::Result<Duration> {
        let called = Instant::now();
        stamp::enqueue(BareAndNotify {
            connection: &mut self.connection,
            after: self.rows,
        })
        .await?;
        self.listener.recv().await?;
        self.rows += 1;
        Ok(called.elapsed())
    }

    async fn commit(&mut self) -> anyhow::Result<Duration> {
        let called = Instant::now();
        stamp::enqueue(Bare {
            connection: &mut self.connection,
            after: self.rows,
        })
        .await?;
        self.rows += 1;
        Ok(called.elapsed())
    }
}

fn figures(samples: &Samples) -> Vec<Figure> {
    let commit = median(&samples.commit);
    let mut figures = Vec::new();
    for (name, part, bar) in BARS {
        let figure = Figure::new(name, quantile(&samples.job, part), "ms")
            .beside(quantile(&samples.round_trip, part));
        figures.push(match bar {
            None => figure,
            Some(most) if commit <= FAST_COMMIT_MS => figure.held_to(Bar::FigureAtMost(most)),
            Some(_) => figure.held_to(Bar::RatioAtMost(ROUND_TRIPS_MAX)),
        });
    }
    figures.push(Figure::new("bare commit p50", commit, "ms"));
    figures.push(Figure::new(
        "bare commit p99",
        quantile(&samples.commit, 0.99),
        "ms",
    ));
    figures
}
