//! Compares what the worker believes it holds with what it holds.

use std::collections::HashMap;
use std::time::Duration;

use super::decide::Decision;
use super::hub::{Hub, limited};
use crate::driver::{DriverError, End, Ending};
use crate::job::JobId;

/// Drops jobs that this worker holds no more, and gives back those that it does not know of. Must
/// not run beside a claim: jobs of a claim that is under way are not yet known.
///
/// The server may have lost a claim in a crash, since claims do not wait for the disk; and an
/// answer may have been lost on its way.
pub(crate) async fn reconcile(hub: &Hub) -> Result<(), DriverError> {
    let before = hub.board().claims();
    let stored: HashMap<JobId, i64> = limited(hub.setup.driver.held(hub.worker))
        .await?
        .into_iter()
        .collect();

    let lost: Vec<JobId> = before
        .iter()
        .filter(|(job, claim)| stored.get(job) != Some(claim))
        .map(|(job, _)| *job)
        .collect();
    let now = {
        let mut board = hub.board();
        lost.iter().for_each(|job| board.drop_lost(*job));
        board.claims()
    };
    if !lost.is_empty() {
        tracing::warn!(jobs = lost.len(), "jobs were taken from this worker");
    }

    let unknown = stored
        .into_iter()
        .filter(|(job, claim)| before.get(job) != Some(claim) && now.get(job) != Some(claim));
    for (job, claim) in unknown {
        let end = End::Release(Duration::ZERO);
        let ending = Ending {
            job,
            claim,
            end,
            error: None,
        };
        let _ = hub.decisions.send(Decision::End(ending)).await;
    }
    Ok(())
}
