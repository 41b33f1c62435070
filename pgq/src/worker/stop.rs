//! How a worker ends: it gives back what has not started, waits, cancels, and says goodbye.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::claimer::{Ended, report};
use super::config::Mode;
use super::decide::Decision;
use super::hub::Hub;
use super::settle::{SETTLE, settle};
use crate::driver::Ending;
use crate::task::CancelReason;

/// Tells a worker to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopSignal {
    /// Claim nothing more, and let running jobs end until the deadline.
    pub(crate) drain: CancellationToken,
    /// The deadline is now.
    pub(crate) now: CancellationToken,
}

impl StopSignal {
    /// Waits for a call that begins the work, unless the worker is to stop before it does: the storage
    /// may be long in answering. `None` if it is.
    pub(crate) async fn unless_told<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            answer = call => Some(answer),
            () = self.drain.cancelled() => None,
        }
    }
}

/// How long a worker that stops waits for the storage to take what it has to say, when its deadline
/// has passed already.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The same when the deadline is far.
const LAST_WORDS_MAX: Duration = Duration::from_secs(5);

/// How long an attempt that was cancelled may take to notice before it is aborted.
const NOTICE: Duration = Duration::from_millis(250);

/// Where the deadline is, if it is so far away that there is no such time: a year.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 3600);

/// How often it looks whether all that still runs was given up.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long an attempt that was aborted may take to be dropped.
const ABORT: Duration = Duration::from_millis(100);

/// Ends one life of a worker. `ended` is `None` if it ends because of an error.
pub(super) async fn wind_up(
    hub: &Arc<Hub>,
    ended: Option<&Ended>,
    stop: &StopSignal,
    lease_stop: CancellationToken,
    closing: CancellationToken,
    finisher: JoinHandle<()>,
) {
    let now = Instant::now();
    let deadline = now
        .checked_add(hub.setup.config.drain_deadline)
        .unwrap_or(now + FAR_AWAY);
    give_back_waiting(hub).await;
    if ended == Some(&Ended::Stopped) {
        leave_schedules(hub).await;
    }
    hub.attempts.close();
    if ended == Some(&Ended::Stopped) {
        tokio::select! {
            () = attempts_end(hub) => {}
            () = tokio::time::sleep_until(deadline.into()) => {}
            () = stop.now.cancelled() => {}
            () = hub.lost.cancelled() => {}
            never = give_permits_back(hub) => match never {},
        }
    }
    let reason = match ended {
        Some(Ended::LeaseLost) => CancelReason::LeaseLost,
        _ if hub.lost.is_cancelled() => CancelReason::LeaseLost,
        _ => CancelReason::Shutdown,
    };
    end_attempts(hub, reason).await;

    let patience = || {
        let left = match stop.now.is_cancelled() {
            true => Duration::ZERO,
            false => deadline.saturating_duration_since(Instant::now()),
        };
        LAST_WORDS + left.min(LAST_WORDS_MAX)
    };
    closing.cancel();
    flush(hub, ended, stop, patience(), finisher).await;
    // Whatever is left goes back: attempts that were aborted, and ends that could not be told.
    lease_stop.cancel();
    let goodbye = hub.setup.driver.deregister_worker(hub.worker);
    match timeout(patience(), goodbye).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = %report(&error), "failed to deregister; its jobs will be rescued");
        }
        Err(_) => tracing::warn!("no time to deregister; its jobs will be rescued"),
    }
}

/// What the jobs that end one by one do not need any more, others can use.
async fn give_permits_back(hub: &Hub) -> std::convert::Infallible {
    loop {
        settle(hub).await;
        tokio::time::sleep(SETTLE).await;
    }
}

/// Jobs that have not started go back at once, at no cost to them.
async fn give_back_waiting(hub: &Hub) {
    let waiting = hub.board().take_waiting(Instant::now());
    for job in waiting {
        let ending = Ending::unstarted(job.id, job.claim, Duration::ZERO);
        let tell = hub.tell(Decision::End(ending));
        if timeout(LAST_WORDS, tell).await.is_err() {
            return;
        }
    }
}

/// The scheduler has stopped: the schedules of this build are for others, however long the jobs that run
/// may take.
async fn leave_schedules(hub: &Hub) {
    if hub.setup.config.mode != Mode::Forever {
        return;
    }
    let leave = hub.setup.driver.stop_ticking(hub.worker);
    match timeout(LAST_WORDS, leave).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = %report(&error), "failed to leave the schedules to others");
        }
        Err(_) => {
            tracing::warn!("no time to leave the schedules to others until the worker is gone");
        }
    }
}

/// Waits until no attempt runs but those that were given up.
async fn attempts_end(hub: &Hub) {
    loop {
        tokio::select! {
            () = hub.attempts.wait() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if hub.attempts.len() <= hub.board().given_up() {
            return;
        }
    }
}

/// Cancels the attempts that still run, and aborts those that do not notice.
async fn end_attempts(hub: &Hub, reason: CancelReason) {
    if hub.attempts.is_empty() {
        return;
    }
    tracing::warn!(
        attempts = hub.attempts.len(),
        "ending attempts that still run"
    );
    hub.board().cancel_all(reason);
    if timeout(NOTICE, hub.attempts.wait()).await.is_err() {
        hub.board().abort_all();
        let _ = timeout(ABORT, hub.attempts.wait()).await;
    }
}

/// Waits until the storage has taken what is known of ended attempts. A worker that stops has
/// little time for that; one that lost its lease has as long as it takes, since it could not start
/// again without the storage anyway.
async fn flush(
    hub: &Hub,
    ended: Option<&Ended>,
    stop: &StopSignal,
    patience: Duration,
    mut finisher: JoinHandle<()>,
) {
    let patience = async move {
        if ended == Some(&Ended::LeaseLost) {
            stop.drain.cancelled().await;
        }
        tokio::time::sleep(patience).await;
    };
    let told = tokio::select! {
        _ = &mut finisher => true,
        () = patience => false,
    };
    if !told && !hub.board().holds_nothing() {
        tracing::warn!("the database did not take the end of some attempts; they will run again");
    }
    hub.over.cancel();
    if !told {
        let _ = finisher.await;
    }
    // Some tell the storage themselves how they ended.
    let _ = timeout(ABORT, attempts_end(hub)).await;
}
