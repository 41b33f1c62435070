//! Ends jobs that were not started by the time they expire, and that nobody claims. Every worker looks,
//! so that no leader has to be elected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::claimer::report;
use super::hub::{Hub, limited, retry_pause};
use crate::job::Retain;

/// How many jobs one statement looks at.
const BATCH: usize = 500;

/// The part of its time that a worker may spend on looks: one of so many. A look walks past the dead
/// rows of every job that it has looked at before, while an old snapshot holds them.
const SHARE: u32 = 20;

/// The least pause between two looks that were not full. A job that is late is not started in any case.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// Expires for as long as it is polled.
pub(crate) async fn run(hub: Arc<Hub>) {
    let poll = hub.setup.config.poll.min(PAUSE_MIN);
    let mut failures = 0;
    loop {
        let began = Instant::now();
        let looked = hub.setup.driver.expire(BATCH, Retain::DEFAULT.completed);
        let pause = match limited(looked).await {
            Ok(looked) => {
                failures = 0;
                let pause = began.elapsed() * SHARE;
                if looked < BATCH {
                    pause.max(poll)
                } else {
                    pause
                }
            }
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to look for jobs that expire");
                failures += 1;
                retry_pause(failures)
            }
        };
        // Spread, so that the workers of a fleet do not all look at once.
        tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
    }
}
