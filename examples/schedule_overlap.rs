//! A tick that cancels the job before it: only the newest run is of use.
//!
//! `cargo run --example schedule_overlap`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// How many runs to begin.
const RUNS: u32 = 3;

#[derive(Clone, Default)]
struct Runs {
    begun: Arc<AtomicU32>,
    enough: CancellationToken,
}

/// Would take a minute, but a second later its result is out of date.
#[pgq::cron(every = "1s", overlap = cancel_running, missed = once)]
async fn forecast(context: &pgq::Context, runs: &Runs) {
    let number = runs.begun.fetch_add(1, Ordering::Relaxed) + 1;
    println!("forecast {number} has begun");
    if number == RUNS {
        runs.enough.cancel();
    }
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(60)) => println!("forecast {number} is done"),
        () = context.cancelled().cancelled() => println!("forecast {number} is out of date"),
    }
}

/// In one Advent only. Of doors that were missed the last is opened.
#[pgq::cron(
    "0 9 * DEC *",
    tz = "Europe/Paris",
    starts = "2026-12-01",
    ends = "2026-12-25"
)]
async fn open_door() {}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let runs = Runs::default();

    pgq::run()
        .url(database.url())
        .state(runs.clone())
        .stop_on(runs.enough.clone())
        .drain_deadline(Duration::ZERO)
        .await?;

    println!("{} forecasts", runs.begun.load(Ordering::Relaxed));
    Ok(())
}
