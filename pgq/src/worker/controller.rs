//! Reads what the worker is directed to do, and sees to it.
//!
//! Directives are rows: a hint makes the worker read them at once, and a lost one costs a poll
//! interval.

use std::sync::Arc;
use std::time::Instant;

use super::board::Claimable;
use super::claimer::report;
use super::decide::Decision;
use super::hub::{Hub, limited, retry_pause};
use crate::driver::{ClaimedJob, Directives, DriverError, End, Ending};
use crate::job::Retain;

/// Directs for as long as it is polled. Nothing is claimed before it has read once.
pub(crate) async fn run(hub: Arc<Hub>) {
    let mut failures = 0;
    loop {
        let pause = match read(&hub).await {
            Ok(directives) => {
                failures = 0;
                restrict(&hub, &directives).await;
                cancel(&hub, &directives).await;
                hub.directed.cancel();
                hub.setup.config.poll
            }
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to read the directives");
                failures += 1;
                retry_pause(failures)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = hub.direct.notified() => {}
        }
    }
}

async fn read(hub: &Hub) -> Result<Directives, DriverError> {
    limited(hub.setup.driver.directives(hub.worker)).await
}

/// Leaves what is paused, and takes up what is not any more.
async fn restrict(hub: &Hub, directives: &Directives) {
    let claimable = Claimable::of(&hub.setup.registry, directives);
    let paused = {
        let mut board = hub.board();
        if !board.restrict(claimable, Instant::now()) {
            return;
        }
        board.take_paused()
    };
    tracing::info!(
        paused = ?directives.paused,
        limits = ?directives.limits,
        "what is paused, or under limits, has changed",
    );
    hub.claim.notify_one();
    give_back(hub, paused).await;
}

/// Cancels what somebody has asked for. It is asked for again until the job has ended.
async fn cancel(hub: &Hub, directives: &Directives) {
    let until = Instant::now() + hub.setup.config.cancel_grace;
    for (job, claim) in &directives.cancel {
        let Some(waiting) = hub.board().cancel(*job, *claim, until) else {
            continue;
        };
        let task = hub.setup.registry.task(&waiting.task);
        let retain = task.map_or(Retain::DEFAULT, |task| task.options.retain);
        let ending = Ending {
            job: waiting.id,
            claim: waiting.claim,
            end: End::Cancelled,
            error: None,
            retention: retain.completed,
        };
        hub.tell(Decision::End(ending)).await;
    }
}

/// Gives jobs back that have not started, at no cost to them.
pub(super) async fn give_back(hub: &Hub, jobs: Vec<ClaimedJob>) {
    for job in jobs {
        let ending = Ending::unstarted(job.id, job.claim);
        hub.tell(Decision::End(ending)).await;
    }
}
