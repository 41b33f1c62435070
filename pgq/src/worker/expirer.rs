//! Ends jobs that were not started by the time they expire, and that nobody claims. Every worker looks,
//! so that no leader has to be elected.

use std::sync::Arc;
use std::time::Duration;

use super::claimer::report;
use super::hub::{Hub, limited, retry_pause};

/// How many jobs one statement looks at, unless there are many.
const BATCH_MIN: usize = 500;

/// How many it looks at while one look after the other is full: most of the jobs that could expire have
/// ended long ago, and a look must keep up with them.
const BATCH_MAX: usize = 16_000;

/// The least pause between two looks that were not full. A job that is late is not started in any case.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// Expires for as long as it is polled.
pub(crate) async fn run(hub: Arc<Hub>) {
    let poll = hub.setup.config.poll.min(PAUSE_MIN);
    let kept = hub.setup.registry.kept();
    let mut batch = BATCH_MIN;
    let mut failures = 0;
    loop {
        let looked = hub.setup.driver.expire(batch, &kept);
        let pause = match limited(looked).await {
            // Those that somebody has locked do not count, and are not to hold up the others.
            Ok(looked) if 2 * looked >= batch => {
                failures = 0;
                batch = (2 * batch).min(BATCH_MAX);
                continue;
            }
            Ok(_) => {
                failures = 0;
                poll
            }
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to look for jobs that expire");
                failures += 1;
                retry_pause(failures)
            }
        };
        batch = BATCH_MIN;
        // Spread, so that the workers of a fleet do not all look at once.
        tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
    }
}
