//! Gives back permits that the worker has no use for.

use std::time::Duration;

use super::claimer::report;
use super::hub::{Hub, limited};
use crate::driver::DriverError;

/// How often a worker that has permits looks whether it has too many. A permit that nobody uses stays
/// for so long, so that jobs which come one by one do not write a row each.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// Keeps what was used since the last time, and gives back the rest. Must not run beside a claim.
pub(super) async fn settle(hub: &Hub) {
    if let Err(error) = try_to_settle(hub).await {
        tracing::warn!(error = %report(&error), "failed to give permits back");
    }
}

async fn try_to_settle(hub: &Hub) -> Result<(), DriverError> {
    let limits = hub.board().allotted();
    if limits.is_empty() {
        return Ok(());
    }
    let driver = &hub.setup.driver;
    let allotments = limited(driver.allotments(hub.worker, &limits)).await?;
    // From here on nothing starts under what is given back.
    let kept = hub.board().settle(&allotments);
    if kept.is_empty() {
        return Ok(());
    }
    let done = limited(driver.keep(hub.worker, hub.next_claim(), &kept)).await;
    if done.is_err() {
        hub.board().settle_failed(&kept);
    }
    done
}
