//! Compares what the worker believes it holds with what it holds.

use std::collections::HashMap;
use std::time::Duration;

use super::decide::Decision;
use super::hub::{Hub, limited};
use crate::driver::{DriverError, Ending};
use crate::job::JobId;

/// How many leases pass between two looks that nothing gave rise to.
pub(super) const LEASES: u32 = 3;

/// The part of its time that a worker may spend on such looks: one of so many. A look walks past the
/// dead rows of every job that the worker has run, while an old snapshot holds them.
pub(super) const SHARE: u32 = 100;

/// The longest pause between such looks for that reason.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Drops jobs that this worker holds no more, and gives back those that it does not know of. Must
/// not run beside a claim: jobs of a claim that is under way are not yet known.
///
/// The server may have lost a claim in a crash, since claims do not wait for the disk; an answer may
/// have been lost on its way; and somebody may have changed the rows by hand.
pub(crate) async fn reconcile(hub: &Hub) -> Result<(), DriverError> {
    let before = hub.board().claims();
    // Nobody waits for a claim now, but the server may not have begun one whose caller is gone.
    limited(hub.setup.driver.fence_claims(hub.worker, hub.next_claim())).await?;
    let stored: HashMap<JobId, i64> = limited(hub.setup.driver.held(hub.worker))
        .await?
        .into_iter()
        .collect();

    let missing = before
        .iter()
        .filter(|(job, claim)| stored.get(job) != Some(claim));
    let (lost, now) = {
        let mut board = hub.board();
        // Most of them have ended since: only the board knows.
        let lost = missing.filter(|(job, _)| board.drop_lost(**job)).count();
        (lost, board.claims())
    };
    if lost > 0 {
        tracing::warn!(jobs = lost, "jobs were taken from this worker");
    }

    let unknown: Vec<(JobId, i64)> = stored
        .into_iter()
        .filter(|(job, claim)| before.get(job) != Some(claim) && now.get(job) != Some(claim))
        .collect();
    if !unknown.is_empty() {
        tracing::warn!(
            jobs = unknown.len(),
            "giving back jobs that this worker does not know of"
        );
    }
    for (job, claim) in unknown {
        hub.board().hold(job, claim);
        let ending = Ending::unstarted(job, claim, Duration::ZERO);
        hub.tell(Decision::End(ending)).await;
    }
    Ok(())
}
