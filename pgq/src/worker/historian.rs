//! Looks after the history: room ahead for what ends later, and an end for what has been kept for
//! long enough. Every worker looks; the storage lets one of them work.

use std::sync::Arc;

use super::claimer::report;
use super::config::{HISTORY_INTERVAL, Mode};
use super::hub::{Hub, limited};
use super::limits;

/// After how many looks in a row at which something could not be dropped somebody is told: an hour
/// of them, which is longer than a dump of most databases.
const POSTPONED_MAX: u32 = 60;

/// Maintains for as long as it is polled.
pub(crate) async fn run(hub: Arc<Hub>) {
    let retains = hub.setup.registry.retains();
    let mut postponed = 0;
    if hub.setup.config.mode == Mode::Forever {
        limits::put_back(&hub.setup).await;
        // There is no hurry: room was made when the worker registered.
        pause().await;
    }
    loop {
        match limited(hub.setup.driver.maintain_history(&retains)).await {
            Ok(done) => {
                if done.made > 0 || done.dropped > 0 {
                    tracing::debug!(
                        made = done.made,
                        dropped = done.dropped,
                        "maintained the history"
                    );
                }
                postponed = match done.postponed {
                    0 => 0,
                    _ => postponed + 1,
                };
                if postponed == POSTPONED_MAX {
                    postponed = 0;
                    tracing::warn!(
                        parts = done.postponed,
                        "the history grows: a transaction that has been open for long, such as a \
                         dump, keeps what is due from being dropped",
                    );
                }
            }
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to maintain the history");
            }
        }
        pause().await;
        limits::put_back(&hub.setup).await;
    }
}

/// Spread, so that the workers of a fleet do not all look at once.
async fn pause() {
    tokio::time::sleep(HISTORY_INTERVAL.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
}
