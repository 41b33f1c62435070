//! Makes scheduled jobs ready when they are due.

use std::sync::Arc;
use std::time::Duration;

use super::claimer::report;
use super::hub::{Hub, limited, retry_pause};
use super::parking::Found;
use crate::driver::{Driver, DriverError, Topic};
use crate::metrics::add;

/// The most jobs that one statement makes ready.
const BATCH: usize = 1000;

/// How long it sleeps at most: [`Topic::Scheduled`] says why.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Promotes for as long as it is polled. It sleeps until the next job is due, and looks now and then
/// for those that nobody is woken for.
pub(crate) async fn run(hub: Arc<Hub>) {
    let sleep_max = hub.setup.config.poll.min(SLEEP_MAX);
    let mut failures = 0;
    loop {
        let pause = match limited(hub.setup.driver.promote(BATCH)).await {
            Ok(promoted) => {
                failures = 0;
                if promoted.jobs > 0 {
                    add(&hub.meters.promoted, promoted.jobs);
                    hub.wake_all();
                }
                match promoted.next {
                    _ if promoted.jobs == BATCH => Duration::ZERO,
                    next => {
                        hub.looked(&Topic::Scheduled, Found::Nothing);
                        next.unwrap_or(sleep_max).min(sleep_max)
                    }
                }
            }
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to promote scheduled jobs");
                failures += 1;
                retry_pause(failures)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = hub.promote.notified() => {}
        }
    }
}

/// Promotes everything that is due, and returns how many jobs that were.
pub(crate) async fn promote_due(driver: &dyn Driver) -> Result<usize, DriverError> {
    let mut jobs = 0;
    loop {
        let promoted = limited(driver.promote(BATCH)).await?;
        jobs += promoted.jobs;
        if promoted.jobs < BATCH {
            return Ok(jobs);
        }
    }
}
