//! Every way to say when, and what becomes of a tick.
#![deny(warnings, missing_docs, unused_results)]
#![forbid(unsafe_code)]

#[pgq::cron("0 3 * * *", tz = "Europe/Berlin", jitter = "30s")]
async fn berlin() {}

#[pgq::cron(every = "90s")]
async fn interval() {}

/// Has docs of its own.
#[pgq::cron(every = "1d", missed = once, overlap = queue_one, queue = "low")]
pub async fn daily() {}

#[pgq::cron("@hourly", missed = skip, overlap = allow)]
async fn hourly() {}

#[pgq::cron(
    "*/5 * * * *",
    overlap = skip,
    priority = 3,
    missed = all(within = "1h"),
    tz = "America/Argentina/Ushuaia",
)]
async fn each() {}

#[pgq::cron("0 4 * * *", overlap = cancel_running)]
async fn replaced() {}

#[pgq::cron("0 18 L-3,LW * FRI#2,5L", starts = "2026-01-31", ends = "2027-01-31T08:30")]
async fn by_the_calendar() {}

#[pgq::cron(every = "12h", ends = "2020-06-01T12:00:00")]
async fn long_over() {}

fn main() {
    let registry = pgq::Registry::linked();
    assert_eq!(registry.schedules().count(), 8);
}
