//! Takes the jobs of dead workers. Every worker looks, so that no leader has to be elected.

use std::sync::Arc;

use super::claimer::report;
use super::config::{BLAME_MAX, HEARTBEATS_PER_LEASE};
use super::hub::{Hub, limited};
use super::observed;
use crate::driver::Rescued;
use crate::metrics::{Meters, add};

/// Rescues for as long as it is polled, about as often as it sends heartbeats.
pub(crate) async fn run(hub: Arc<Hub>) {
    let interval = hub.setup.config.lease / HEARTBEATS_PER_LEASE;
    loop {
        match limited(hub.setup.driver.rescue(BLAME_MAX)).await {
            Ok(rescued) if rescued != Rescued::default() => {
                tracing::warn!(
                    workers = rescued.workers,
                    ready = rescued.ready,
                    failed = rescued.failed.len(),
                    "rescued the jobs of workers that died",
                );
                count(&hub.meters, &rescued);
                hub.board().sweep_keys();
                hub.wake_all();
                // Last: a hook may be long.
                observed::found_dead(&hub, &rescued.failed);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to look for dead workers");
            }
        }
        // Spread, so that the workers of a fleet do not all look at once.
        tokio::time::sleep(interval.mul_f64(0.75 + fastrand::f64() / 4.0)).await;
    }
}

fn count(meters: &Meters, rescued: &Rescued) {
    add(&meters.workers_rescued, rescued.workers);
    add(&meters.jobs_rescued, rescued.ready);
    add(&meters.jobs_dead, rescued.failed.len());
}
