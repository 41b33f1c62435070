//! Calls that must be answered.

use super::claimer::report;
use super::config::CALL_TIMEOUT;
use super::hub::{limited_by, retry_pause};
use crate::driver::{DriverError, DriverErrorKind};
use crate::task::contained;

/// How often a call is tried again whose error is neither transient nor about the data.
const OTHER_TRIES: u32 = 5;

/// The slowest network that large values are waited for on, in bytes per second.
const BYTES_PER_SECOND: u64 = 1024 * 1024;

/// Calls until the storage answers: transient errors are waited out. `what` failed, if it does;
/// `bytes` is about how much the call carries.
///
/// An error that is not known to be about the data is tried again a few times before it counts: a
/// result must not be thrown away for what a migration or a failover does to a connection.
pub(super) async fn persist<T, F>(
    what: &str,
    bytes: usize,
    call: impl Fn() -> F,
) -> Result<T, DriverError>
where
    F: Future<Output = Result<T, DriverError>>,
{
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let limit = CALL_TIMEOUT + std::time::Duration::from_secs(bytes / BYTES_PER_SECOND);
    let mut failures = 0;
    loop {
        match limited_by(limit, call()).await {
            Err(error) if is_worth_a_try(&error, failures) => {
                contained(|| {
                    tracing::warn!(error = %report(&error), "failed to {what}; trying again");
                });
                failures += 1;
                tokio::time::sleep(retry_pause(failures)).await;
            }
            result => return result,
        }
    }
}

/// Whether another call may be answered, after so many that were not.
fn is_worth_a_try(error: &DriverError, failures: u32) -> bool {
    match error.kind() {
        DriverErrorKind::Rejected => false,
        // The server has not even looked at the call.
        DriverErrorKind::Authentication => true,
        kind => kind.is_transient() || failures < OTHER_TRIES,
    }
}
