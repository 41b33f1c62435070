//! A worker of the fleet with schedules of many zones, and a wall clock that jumps.

use std::time::{Duration, SystemTime};

use anyhow::ensure;
use pgq::{Missed, Overlap, Registration, ScheduleDescriptor, Source, Timing};
use pgq_tests::fleet::worker;

/// By how many seconds the clock is ahead, and behind.
const SKEW: i64 = 600;

/// A year, which is the longest time for which ticks are made up.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// The names of the schedules, their zones, and the hours at which they tick each day.
const DAILY: [(&str, &str, &str); 8] = [
    ("athens", "0 5 * * *", "Europe/Athens"),
    ("auckland", "15 12 * * *", "Pacific/Auckland"),
    ("berlin", "30 4 * * *", "Europe/Berlin"),
    ("chicago", "0 18 * * *", "America/Chicago"),
    ("kolkata", "45 23 * * *", "Asia/Kolkata"),
    ("lord_howe", "0 9 * * *", "Australia/Lord_Howe"),
    ("santiago", "20 7 * * *", "America/Santiago"),
    ("utc", "0 0 * * *", "UTC"),
];

#[pgq::task]
async fn day(context: &pgq::Context) -> anyhow::Result<i64> {
    Ok(context.job_id().as_i64())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    pgq_skew::jump(SKEW);
    #[cfg(target_os = "linux")]
    ensure_it_jumps()?;
    let run = DAILY
        .into_iter()
        .fold(pgq::run(), |run, (name, expression, zone)| {
            let timing = Timing::cron_in(expression, zone);
            let input = || Ok(pgq::__private::InputWriter::new(0).finish());
            let schedule = ScheduleDescriptor::of::<day>(timing, input, Source::caller())
                .name(name)
                .missed(Missed::All { within: YEAR })
                .overlap(Overlap::Allow);
            run.register(Registration::Schedule(schedule))
        });
    worker::run(run).await
}

/// Waits until the clock has been set forward, and back again.
#[cfg(target_os = "linux")]
fn ensure_it_jumps() -> anyhow::Result<()> {
    let jump = Duration::from_secs(SKEW.unsigned_abs() - 10);
    let (mut earlier, mut ahead, mut back) = (SystemTime::now(), false, false);
    for _ in 0..500 {
        let now = SystemTime::now();
        ahead |= now > earlier + jump;
        back |= now < earlier - jump;
        if ahead && back {
            return Ok(());
        }
        earlier = now;
        std::thread::sleep(Duration::from_millis(10));
    }
    ensure!(ahead && back, "the clock does not jump");
    Ok(())
}
