//! Jobs whose enqueuer did not have the code of their task: their keys are made here, before they run.

use std::time::Duration;

use super::claimer::report;
use super::decide::AttemptEnd;
use super::hub::{Hub, limited};
use crate::driver::{ClaimedJob, Described, Description};
use crate::job::Marks;
use crate::task::{TaskDescriptor, keys_of};

/// How long a job waits whose keys could not be taken, for instance because somebody has locked one.
const AGAIN: Duration = Duration::from_secs(1);

/// What is to become of a job that was unread.
pub(super) enum Read {
    /// It runs.
    Run,
    /// It ends, or goes back so that it is claimed by its keys.
    End(AttemptEnd),
    /// The worker does not hold it any more.
    NotHeld,
}

/// Makes the keys of a job, and has them kept.
pub(super) async fn describe(
    hub: &Hub,
    job: &ClaimedJob,
    task: &TaskDescriptor,
    input: &[u8],
) -> Read {
    let (detail, key) = keys_of(task, input, job.marks.has(Marks::UNCOMPARED));
    if !detail.has_keys() && key.is_none() {
        return Read::Run;
    }
    let description = Description {
        worker: hub.worker,
        job: job.id,
        claim: job.claim,
        concurrency_key: detail.concurrency_key,
        order_key: detail.order_key,
        rate_key: detail.rate_key,
        key,
    };
    let described = limited(async {
        let _turn = hub.describing.lock().await;
        hub.setup.driver.describe(description).await
    });
    match described.await {
        Ok(Described::Held) if detail.has_keys() => {
            Read::End(AttemptEnd::NotStarted(Duration::ZERO))
        }
        Ok(Described::Held) => Read::Run,
        Ok(Described::Same(other)) => {
            let other = other.map_or_else(|| "another job".to_owned(), |job| format!("job {job}"));
            Read::End(AttemptEnd::Cancelled(Some(format!("{other} is the same"))))
        }
        Ok(Described::Gone) => Read::NotHeld,
        Err(error) => {
            tracing::warn!(job = job.id.as_i64(), error = %report(&error), "failed to make the keys of a job");
            Read::End(AttemptEnd::NotStarted(AGAIN))
        }
    }
}
