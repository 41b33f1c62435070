//! Reads what the worker is directed to do, and sees to it.
//!
//! Directives are rows: a hint makes the worker read them at once, and a lost one costs a poll
//! interval.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::board::{Claimable, Surplus};
use super::claimer::report;
use super::decide::Decision;
use super::hub::{Hub, limited, retry_pause};
use crate::driver::{ClaimedJob, Directives, DriverError, End, Ending, Topic};
use crate::job::Retain;

/// Directs for as long as it is polled. Nothing is claimed before it has done so once.
pub(crate) async fn run(hub: Arc<Hub>) {
    let mut failures = 0;
    let mut told = None;
    loop {
        // First, so that nothing is claimed from a queue that was removed before the start.
        let served = serve(&hub, &mut told).await;
        let read = read(&hub).await;
        match &read {
            Ok(directives) if directives.is_outdated => retire(&hub),
            Ok(directives) => {
                restrict(&hub, directives).await;
                cancel(&hub, directives).await;
                if served.is_ok() {
                    hub.directed.cancel();
                }
                tell_schedules(&hub, directives.schedules);
            }
            Err(_) => {}
        }
        let pause = match served.and(read) {
            Ok(_) => {
                failures = 0;
                hub.setup.config.poll
            }
            Err(error) => {
                tracing::warn!(error = %report(&error), "failed to direct the worker");
                failures += 1;
                retry_pause(failures)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = hub.direct.notified() => {}
            () = hub.setup.queues.changed.notified() => {}
        }
    }
}

/// Lets the worker end, whose version the storage does not admit any more.
fn retire(hub: &Hub) {
    if !hub.outdated.is_cancelled() {
        tracing::error!("the storage was changed by a newer version; draining");
        hub.outdated.cancel();
    }
}

/// Wakes the scheduler if schedules have changed.
fn tell_schedules(hub: &Hub, last: i64) {
    let schedules = &hub.setup.schedules;
    schedules.send_if_modified(|known| std::mem::replace(known, last) != last);
}

async fn read(hub: &Hub) -> Result<Directives, DriverError> {
    limited(hub.setup.driver.directives(hub.worker)).await
}

/// Serves the queues that the application says now. The storage is `told` of a queue before anything is claimed
/// from it: jobs of it that wait for keys are left to this worker, and would else be let go beside its own.
async fn serve(hub: &Hub, told: &mut Option<BTreeSet<Arc<str>>>) -> Result<(), DriverError> {
    let now = Instant::now();
    let before = queues(hub);
    let mut given_back = Vec::new();
    let mut added = Vec::new();
    for (name, change) in hub.setup.queues.all() {
        match change {
            Some(queue) if before.contains(&queue.name) => {
                hub.board().serve(&queue, now);
            }
            Some(queue) => added.push(queue),
            None => {
                given_back.extend(hub.board().unserve(&name));
                let queues = &hub.setup.config.queues;
                if !queues.iter().any(|queue| *queue.name == *name) {
                    hub.setup.queues.forget_removed(&name);
                }
                hub.parking().remove(&Topic::Ready(name.into()));
            }
        }
    }
    let mut after = queues(hub);
    if after != before {
        hub.repark.notify_one();
    }
    give_back(hub, given_back).await;
    after.extend(added.iter().map(|queue| Arc::clone(&queue.name)));
    // Of a call that fails nobody knows what the storage has taken.
    let known = told.take();
    if known.as_ref() != Some(&after) {
        let names: Vec<String> = after.iter().map(ToString::to_string).collect();
        limited(hub.setup.driver.serve_queues(hub.worker, &names)).await?;
        if known.is_some() {
            tracing::info!(queues = ?names, "the queues that are served have changed");
        }
    }
    *told = Some(after);
    if added.is_empty() {
        return Ok(());
    }
    for queue in added {
        if hub.board().serve(&queue, now) {
            hub.parking().add(Topic::Ready(queue.name), now);
        }
    }
    hub.repark.notify_one();
    hub.claim.notify_one();
    Ok(())
}

fn queues(hub: &Hub) -> BTreeSet<Arc<str>> {
    hub.board().queues().into_iter().collect()
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
    // One that is so far away that there is no such time never comes.
    let until = Instant::now().checked_add(hub.setup.config.cancel_grace);
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
        let ending = Ending::unstarted(job.id, job.claim, Duration::ZERO);
        hub.tell(Decision::End(ending)).await;
    }
}

/// Gives suspects back for a while, each for another time, so that workers find them one by one.
pub(super) async fn send_away(hub: &Hub, surplus: Surplus) {
    for job in surplus.jobs {
        let away = surplus.away.mul_f64(0.5 + fastrand::f64());
        let ending = Ending::unstarted(job.id, job.claim, away);
        hub.tell(Decision::End(ending)).await;
    }
}
