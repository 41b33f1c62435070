//! What the loops of a worker share.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::Board;
use super::config::{CALL_TIMEOUT, RETRY_MAX, RETRY_MIN, WorkerConfig};
use super::decide::Decision;
use crate::driver::{Driver, DriverError, DriverErrorKind, WorkerId};
use crate::task::{Registry, StateMap};

/// Everything that outlives one start of a worker: what it is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) state: Arc<StateMap>,
    pub(crate) config: Arc<WorkerConfig>,
    pub(crate) tally: Arc<Tally>,
}

/// What the loops of one start of a worker share. After a lost lease the worker starts again with
/// another hub, and so with another id.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) setup: Setup,
    pub(crate) worker: WorkerId,
    pub(crate) tasks: Arc<[String]>,
    pub(crate) attempts: TaskTracker,
    /// Tells running attempts to end.
    pub(crate) cancelled: CancellationToken,
    /// The worker holds nothing any more.
    pub(crate) lost: CancellationToken,
    /// Wakes the claimer: a slot is free, or a queue is hungry.
    pub(crate) claim: Notify,
    /// Wakes the promoter: a job was scheduled.
    pub(crate) promote: Notify,
    /// Asks the claimer to compare what it holds with the storage.
    pub(crate) reconcile: Notify,
    pub(crate) decisions: mpsc::Sender<Decision>,
    board: Mutex<Board>,
    claims: AtomicI64,
}

/// How many attempts ended how, over all starts of a worker.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) completed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) released: AtomicU64,
    pub(crate) fenced: AtomicU64,
}

impl Hub {
    pub(crate) fn new(setup: Setup, worker: WorkerId, decisions: mpsc::Sender<Decision>) -> Self {
        let tasks = setup
            .registry
            .tasks()
            .map(|task| task.name().to_owned())
            .collect();
        Self {
            board: Mutex::new(Board::new(&setup.config)),
            worker,
            tasks,
            attempts: TaskTracker::new(),
            cancelled: CancellationToken::new(),
            lost: CancellationToken::new(),
            claim: Notify::new(),
            promote: Notify::new(),
            reconcile: Notify::new(),
            decisions,
            claims: AtomicI64::new(0),
            setup,
        }
    }

    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next claim.
    pub(crate) fn next_claim(&self) -> i64 {
        self.claims.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Ends every attempt without a word to the storage, where the worker is dropped.
    pub(crate) fn abandon(&self) {
        self.cancelled.cancel();
        self.attempts.close();
        let mut board = self.board();
        // First: a slot that becomes free would start the next one.
        board.take_waiting(Instant::now());
        board.abort_all();
    }

    /// A queue may have jobs.
    pub(crate) fn wake(&self, queue: &str) {
        if self.board().mark_hungry(queue) {
            self.claim.notify_one();
        }
    }

    /// Any queue may have jobs.
    pub(crate) fn wake_all(&self) {
        self.board().mark_all_hungry();
        self.claim.notify_one();
    }
}

impl Tally {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn finished(&self) -> u64 {
        [&self.completed, &self.retried, &self.failed]
            .into_iter()
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum()
    }
}

/// Bounds the time of a call to the storage.
pub(crate) async fn limited<T>(
    call: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, DriverError> {
    tokio::time::timeout(CALL_TIMEOUT, call)
        .await
        .unwrap_or_else(|_| {
            let problem = format!("the database did not answer within {CALL_TIMEOUT:?}");
            Err(DriverError::new(DriverErrorKind::Timeout, problem))
        })
}

/// The pause before the next try of a call that failed `failures` times in a row.
pub(crate) fn retry_pause(failures: u32) -> Duration {
    let doubled = RETRY_MIN
        .saturating_mul(1 << failures.min(10))
        .min(RETRY_MAX);
    doubled.mul_f64(0.5 + fastrand::f64() / 2.0)
}
