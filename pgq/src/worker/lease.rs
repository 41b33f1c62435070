//! Keeps the lease, on a thread of its own: handlers that hog the runtime do not stop heartbeats.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::claimer::report;
use super::config::HEARTBEATS_PER_LEASE;
use super::hub::Hub;
use super::overseer;
use super::storm::CommitTime;
use crate::driver::{Driver, WorkerId};
use crate::metrics::Meters;

/// The part of the lease after which a worker that cannot renew it ends its attempts, so that they
/// have ended when the lease does. In per cent.
const GIVE_UP_AFTER: u32 = 80;

/// Renews a lease until it is stopped or lost.
#[derive(Debug)]
pub(crate) struct LeaseKeeper {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) worker: WorkerId,
    pub(crate) lease: Duration,
    /// Is cancelled by the keeper when the worker must assume that it has been rescued.
    pub(crate) lost: CancellationToken,
    /// The attempts that run; a heartbeat tells how many.
    pub(crate) attempts: TaskTracker,
    /// A heartbeat is a small durable commit, so it tells how long one takes.
    pub(crate) commit_time: Arc<CommitTime>,
    /// Its attempts are watched on the same thread.
    pub(crate) hub: Arc<Hub>,
    pub(crate) meters: Arc<Meters>,
    /// Stops the keeper.
    pub(crate) stop: CancellationToken,
}

impl LeaseKeeper {
    /// Starts the thread. The lease was renewed last at `renewed`, or later.
    ///
    /// # Errors
    ///
    /// Fails if the system has no thread left.
    pub(crate) fn start(self, renewed: Instant) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("pgq-lease".to_owned())
            .spawn(move || {
                let _ended = Ended {
                    lost: self.lost.clone(),
                    stop: self.stop.clone(),
                };
                runtime.block_on(self.work(renewed));
            })?;
        Ok(())
    }

    async fn work(self, renewed: Instant) {
        let overseer = overseer::run(Arc::clone(&self.hub));
        tokio::select! {
            () = self.keep(renewed) => {}
            () = overseer => {}
        }
    }

    async fn keep(self, mut renewed: Instant) {
        // Its connection lives on this thread's runtime.
        let driver = self.driver.detached();
        let interval = self.lease / HEARTBEATS_PER_LEASE;
        let patience = self.lease * GIVE_UP_AFTER / 100;
        loop {
            // Not beyond the moment to give up, whatever is left of the interval: heartbeats that
            // fail at once must not move it to the end of the lease.
            let left = patience.saturating_sub(renewed.elapsed());
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(interval.min(left)) => {}
            }
            let sent = Instant::now();
            let left = patience.saturating_sub(renewed.elapsed());
            let beat = driver.heartbeat(self.worker, self.lease, self.attempts.len());
            match tokio::time::timeout(left.min(interval * 2), beat).await {
                Ok(Ok(true)) => {
                    renewed = sent;
                    self.meters.heartbeats.increment(1);
                    self.commit_time.observe(sent.elapsed());
                }
                // A worker that has deregistered is gone, too.
                Ok(Ok(false)) if self.stop.is_cancelled() => return,
                Ok(Ok(false)) => return self.lose("the worker has been rescued"),
                Ok(Err(error)) => {
                    self.meters.heartbeat_errors.increment(1);
                    tracing::warn!(error = %report(&error), "failed to renew the lease");
                }
                Err(_) => {
                    self.meters.heartbeat_errors.increment(1);
                    tracing::warn!("the database did not answer a heartbeat in time");
                }
            }
            if renewed.elapsed() >= patience {
                return self.lose("the lease could not be renewed in time");
            }
        }
    }

    fn lose(&self, reason: &str) {
        self.lost.cancel();
        tracing::error!(
            reason,
            "lost the lease; ending every attempt and starting again"
        );
    }
}

/// Without the thread nobody renews the lease, also if it has ended by a panic of whom it tells something.
struct Ended {
    lost: CancellationToken,
    stop: CancellationToken,
}

impl Drop for Ended {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            self.lost.cancel();
        }
    }
}
