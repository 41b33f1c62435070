//! A task that runs at the ticks of a cron expression.
//!
//! `cargo run --example schedule`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pgq::Context;
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// How many ticks to run.
const TICKS: u32 = 3;

/// What the ticks share.
#[derive(Clone, Default)]
struct Clock {
    ticks: Arc<AtomicU32>,
    enough: CancellationToken,
}

/// Runs every second: six fields, the seconds first. With five fields, as in crontab, it would be
/// every minute.
///
/// Each tick is one job, however many workers there are, with the retries, the timeout and the
/// history of any other job.
#[pgq::cron("* * * * * *", max_attempts = 1)]
async fn tick(clock: &Clock, context: &Context) {
    let number = clock.ticks.fetch_add(1, Ordering::Relaxed) + 1;
    println!("tick {number} is job {}", context.job_id());
    if number == TICKS {
        clock.enough.cancel();
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let clock = Clock::default();

    // Schedules need no registration: `run` finds every one that is linked into the program.
    pgq::run()
        .url(database.url())
        .state(clock.clone())
        .stop_on(clock.enough.clone())
        .await?;

    println!(
        "stopped after {} ticks",
        clock.ticks.load(Ordering::Relaxed)
    );
    Ok(())
}
