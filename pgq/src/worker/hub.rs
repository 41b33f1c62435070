//! What the loops of a worker share.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::Board;
use super::config::{CALL_TIMEOUT, RETRY_MAX, RETRY_MIN, WorkerConfig};
use super::decide::Decision;
use super::fetcher::Wanted;
use super::parking::{Found, Parking};
use super::queues::QueueChanges;
use super::storm::CommitTime;
use crate::driver::{Driver, DriverError, DriverErrorKind, NewLog, Topic, WorkerId};
use crate::job::JobId;
use crate::metrics::{Meters, add};
use crate::middleware::{HookList, TaskService};
use crate::task::{Batches, Host, Registry, StateMap, TaskDescriptor};

/// Everything that outlives one start of a worker: what it is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) registry: Arc<Registry>,
    /// The fingerprints of the input that is claimed; `None` if any is.
    pub(crate) fingerprints: Option<Arc<[i64]>>,
    pub(crate) state: Arc<StateMap>,
    pub(crate) layers: Arc<TaskService>,
    pub(crate) hooks: HookList,
    pub(crate) config: Arc<WorkerConfig>,
    pub(crate) queues: Arc<QueueChanges>,
    pub(crate) tally: Arc<Tally>,
    /// Tells the scheduler the number of the last change of a schedule.
    pub(crate) schedules: Arc<watch::Sender<i64>>,
}

/// What the loops of one start of a worker share. After a lost lease the worker starts again with
/// another hub, and so with another id.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) setup: Setup,
    pub(crate) worker: WorkerId,
    pub(crate) tasks: Arc<[String]>,
    pub(crate) attempts: TaskTracker,
    /// What attempts run on.
    pub(crate) runtime: Handle,
    /// The worker holds nothing any more.
    pub(crate) lost: CancellationToken,
    /// The worker is done: nothing waits for the storage any more.
    pub(crate) over: CancellationToken,
    /// Wakes the claimer: a slot is free, or a queue is hungry.
    pub(crate) claim: Notify,
    /// Wakes the promoter: a job was scheduled.
    pub(crate) promote: Notify,
    /// Held while a job is described. One waits for somebody who keeps its key locked, and they are not to
    /// take all connections of the runtime to do so.
    pub(crate) describing: tokio::sync::Mutex<()>,
    /// Asks the claimer to compare what it holds with the storage.
    pub(crate) reconcile: Notify,
    /// Wakes the controller: directives may have changed.
    pub(crate) direct: Notify,
    /// The directives have been read once.
    pub(crate) directed: CancellationToken,
    /// The storage does not admit workers of this version any more.
    pub(crate) outdated: CancellationToken,
    /// Wakes the loop that parks: something has changed.
    pub(crate) repark: Notify,
    pub(crate) commit_time: Arc<CommitTime>,
    pub(crate) meters: Arc<Meters>,
    /// To the fetcher.
    pub(crate) wanted: mpsc::Sender<Wanted>,
    /// To the finisher.
    decisions: mpsc::Sender<Told>,
    /// For the results and logs that are on their way to the storage, in KiB.
    room: Arc<Semaphore>,
    board: Mutex<Board>,
    batches: Batches,
    parking: Mutex<Parking>,
    claims: AtomicI64,
}

/// What the finisher is told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) decision: Decision,
    /// What the attempt has logged, to be kept before it ends.
    pub(crate) log: Option<NewLog>,
    /// Held until the storage has taken the result, and the log.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// How much room there is for results and logs on their way to the storage, in KiB. Attempts wait with
/// their slots until there is room, so that they do not pile up behind a storage that is slow.
const ROOM_KIB: u32 = 64 * 1024;

/// The largest result that needs no room, in bytes, with its log: what the number of results on their way
/// bounds well enough.
const ROOMLESS_MAX: usize = 4 * 1024;

/// How many attempts ended how, over all starts of a worker.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) completed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) released: AtomicU64,
    pub(crate) fenced: AtomicU64,
}

impl Hub {
    pub(crate) fn new(
        setup: Setup,
        worker: WorkerId,
        decisions: mpsc::Sender<Told>,
        wanted: mpsc::Sender<Wanted>,
    ) -> Self {
        let tasks = setup.registry.names().map(str::to_owned).collect();
        let queues = &setup.config.queues;
        let topics = queues
            .iter()
            .map(|queue| Topic::Ready(Arc::clone(&queue.name)))
            .chain([Topic::Scheduled]);
        let commit_time = Arc::<CommitTime>::default();
        Self {
            parking: Mutex::new(Parking::new(topics, Arc::clone(&commit_time))),
            board: Mutex::new(Board::new(&setup.config)),
            batches: Batches::default(),
            worker,
            tasks,
            attempts: TaskTracker::new(),
            runtime: Handle::current(),
            lost: CancellationToken::new(),
            over: CancellationToken::new(),
            claim: Notify::new(),
            promote: Notify::new(),
            describing: tokio::sync::Mutex::new(()),
            reconcile: Notify::new(),
            direct: Notify::new(),
            directed: CancellationToken::new(),
            outdated: CancellationToken::new(),
            repark: Notify::new(),
            commit_time,
            meters: Arc::new(Meters::new(
                queues.iter().map(|queue| &*queue.name),
                setup.registry.tasks().map(TaskDescriptor::name),
                setup.config.concurrency,
            )),
            wanted,
            decisions,
            room: Arc::new(Semaphore::new(
                usize::try_from(ROOM_KIB).unwrap_or(usize::MAX),
            )),
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

    /// Waits for the storage, but for no longer than the worker lives: nothing of it outlives `run()`.
    /// `None` if the worker was done first.
    pub(crate) async fn until_over<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = call => Some(answer),
            () = self.over.cancelled() => None,
        }
    }

    /// Tells the finisher how an attempt ended; waits until there is room for its result.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a dropped call may have told nothing.
    pub(crate) async fn tell(&self, decision: Decision) {
        self.tell_with_log(decision, None).await;
    }

    /// Like [`tell`](Self::tell), of an attempt that has logged something.
    pub(crate) async fn tell_with_log(&self, decision: Decision, log: Option<NewLog>) {
        let wanted = room(&decision, log.as_ref());
        let told = Told {
            decision,
            log,
            room: None,
        };
        let told = match wanted {
            Some(_) => told,
            None => match self.decisions.try_send(told) {
                Err(TrySendError::Full(told)) => told,
                Ok(()) | Err(TrySendError::Closed(_)) => return,
            },
        };
        // Apart, so that the memory of the many attempts that need not wait stays small.
        Box::pin(self.tell_in_time(told, wanted)).await;
    }

    async fn tell_in_time(&self, mut told: Told, room: Option<u32>) {
        if let Some(kib) = room {
            told.room = Arc::clone(&self.room).acquire_many_owned(kib).await.ok();
        }
        // Fails only when the worker has given up on the storage.
        let _ = self.decisions.send(told).await;
    }

    /// Ends every attempt without a word to the storage, where the worker is dropped.
    pub(crate) fn abandon(&self) {
        self.attempts.close();
        self.board().abandon();
        self.over.cancel();
    }

    pub(crate) fn parking(&self) -> MutexGuard<'_, Parking> {
        self.parking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There may be something to find.
    pub(crate) fn look(&self, topic: &Topic) {
        match topic {
            Topic::Ready(queue) => {
                if self.board().mark_hungry(queue) {
                    self.claim.notify_one();
                }
            }
            Topic::Scheduled => self.promote.notify_one(),
            // No worker parks there.
            Topic::Finished => {}
        }
    }

    /// A look has ended.
    pub(crate) fn looked(&self, topic: &Topic, found: Found) {
        self.parking().looked(topic, found, Instant::now());
        self.repark.notify_one();
    }

    /// Attempts have ended of which nothing was recorded.
    pub(crate) fn count_fenced(&self, attempts: usize) {
        Tally::add(&self.setup.tally.fenced, attempts);
        add(&self.meters.fenced, attempts);
    }

    /// Any queue may have jobs.
    pub(crate) fn wake_all(&self) {
        self.board().mark_all_hungry();
        self.claim.notify_one();
    }
}

impl Host for Hub {
    fn driver(&self) -> &Arc<dyn Driver> {
        &self.setup.driver
    }

    fn worker(&self) -> WorkerId {
        self.worker
    }

    fn result_max(&self) -> usize {
        self.setup.config.result_max
    }

    fn batches(&self) -> Option<&Batches> {
        Some(&self.batches)
    }

    fn completing(&self, job: JobId, claim: i64) {
        self.board().completing(job, claim);
    }
}

impl Tally {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn finished(&self) -> u64 {
        [
            &self.completed,
            &self.retried,
            &self.failed,
            &self.cancelled,
            &self.expired,
        ]
        .into_iter()
        .map(|counter| counter.load(Ordering::Relaxed))
        .sum()
    }
}

/// The room that there must be for what the finisher is told, in KiB; `None` if it needs none.
fn room(decision: &Decision, log: Option<&NewLog>) -> Option<u32> {
    let size = decision.size() + log.map_or(0, |log| log.text.len());
    let kib = u32::try_from(size / 1024).unwrap_or(u32::MAX).min(ROOM_KIB);
    (size > ROOMLESS_MAX).then_some(kib)
}

/// Bounds the time of a call to the storage.
pub(crate) async fn limited<T>(
    call: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, DriverError> {
    limited_by(CALL_TIMEOUT, call).await
}

/// Bounds the time of a call to the storage that may take longer than most.
pub(crate) async fn limited_by<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, DriverError>>,
) -> Result<T, DriverError> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let problem = format!("the database did not answer within {limit:?}");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Completion;
    use crate::job::{Durability, Retain};

    #[test]
    fn results_and_logs_take_room_on_their_way() {
        let (job, claim) = (JobId::from_i64(1), 1);
        let need = |result: usize, log: usize| {
            let decision = Decision::Complete(Completion {
                job,
                claim,
                result: Some(vec![0; result]),
                retain: Retain::DEFAULT,
                durability: Durability::Durable,
            });
            let log = NewLog {
                job,
                claim,
                attempt: 1,
                is_completed: false,
                text: "x".repeat(log),
            };
            room(&decision, Some(&log))
        };

        assert_eq!(need(ROOMLESS_MAX, 0), None);
        assert_eq!(need(0, ROOMLESS_MAX), None);
        assert_eq!(need(3 * 1024, 4 * 1024), Some(7));
        assert_eq!(need(0, 1024 * 1024), Some(1024));
    }
}
