//! An expression and nothing else, and every option of a task.
#![deny(warnings, missing_docs, unused_results)]
#![forbid(unsafe_code)]

use pgq::Task;

#[pgq::cron("0 3 * * *")]
async fn tidy() {}

#[pgq::cron("@hourly",)]
async fn hourly(context: &pgq::Context) -> Result<u8, std::fmt::Error> {
    Ok(u8::from(context.attempt() == 1))
}

/// Takes everything.
#[pgq::cron(
    "*/10 0 0 1 JAN-MAR ?",
    name = "every/option",
    queue = "low",
    priority = 1,
    max_attempts = 2,
    timeout = "3s",
    crate = pgq
)]
pub async fn every_option(cache: &String) {
    let _ = cache;
}

fn main() {
    let _ = tidy();
    let _ = tidy::job();
    let _ = hourly::job();
    assert_eq!(every_option::NAME, "every/option");
    assert_eq!(every_option::OPTIONS.queue, "low");

    let registry = pgq::Registry::linked();
    let schedules = registry.schedules().count();
    assert_eq!((registry.tasks().count(), schedules), (3, 3));
}
