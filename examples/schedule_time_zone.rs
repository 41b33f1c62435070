//! Schedules by the clocks of a time zone, and an interval that knows no clocks.
//!
//! `cargo run --example schedule_time_zone`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// How many ticks of the interval to run.
const TICKS: u32 = 3;

#[derive(Clone, Default)]
struct Ticks {
    seen: Arc<AtomicU32>,
    enough: CancellationToken,
}

/// At half past two in Berlin. On the day in spring that has no such time it runs at three; on the
/// day in autumn that has it twice it runs the first time.
#[pgq::cron("30 2 * * *", tz = "Europe/Berlin")]
async fn settle_accounts() {}

/// Every quarter of an hour that passes in New York, also where clocks show an hour twice.
#[pgq::cron("*/15 * * * *", tz = "America/New_York")]
async fn refresh_prices() {}

/// In the evening of the last working day of each month of a year, by the clocks of the office.
#[pgq::cron(
    "0 18 LW * *",
    tz = "Asia/Tokyo",
    starts = "2026-04-01",
    ends = "2027-04-01"
)]
async fn pay_wages() {}

/// Every second, counted from 1970 on: restarts do not move it, and all workers agree.
#[pgq::cron(every = "1s")]
async fn poll(ticks: &Ticks) {
    let number = ticks.seen.fetch_add(1, Ordering::Relaxed) + 1;
    println!("tick {number}");
    if number == TICKS {
        ticks.enough.cancel();
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let ticks = Ticks::default();

    pgq::run()
        .url(database.url())
        .state(ticks.clone())
        .stop_on(ticks.enough.clone())
        .await?;

    println!("stopped after {} ticks", ticks.seen.load(Ordering::Relaxed));
    Ok(())
}
