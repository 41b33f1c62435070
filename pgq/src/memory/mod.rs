//! Storage of jobs inside this process, for tests and demos.
//!
//! It keeps the rules of the PostgreSQL storage, and passes the same tests. What it does not keep
//! is the jobs: they end with the process.

mod attempt_driver;
mod attempts;
mod change;
mod clock;
mod control;
mod enqueue;
mod expire;
mod fleet;
mod keys;
mod limit;
mod list;
mod listener;
mod logs;
mod ready;
mod record;
mod schedule;
mod store;
mod unique;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::broadcast;

use self::clock::Clock;
pub use self::clock::ManualClock;
use self::listener::MemoryListener;
use self::store::Store;
use crate::client::{Enqueuer, Reader};
use crate::driver::{
    Allotment, Ask, Asked, Attempt, Cancellation, Claim, Claimed, Completion, Directives, Driver,
    DriverError, Ending, Enqueue, HealthDriver, HistoryReport, JobCounts, Keep, Kept, KeyedJobs,
    ListedJobs, Listener, Listing, NewLog, Pausable, Pause, Promoted, QueuedInput, Rescued, Start,
    Wake, WorkerId, WorkerInfo, WorkerState,
};
use crate::job::{Job, JobId, Retain};
use crate::limit::{FleetLimit, FleetRate, Limited};
use crate::logs::AttemptLog;

/// How many wake-ups a listener may be behind before it is told only that it missed some.
const WAKES_MAX: usize = 1024;

/// The in-process driver. Its clones are the same storage.
///
/// Jobs are enqueued and looked at through `&MemoryDriver`. There are no transactions.
#[derive(Clone)]
pub struct MemoryDriver {
    shared: Arc<Shared>,
}

/// Without the jobs: their inputs may hold secrets.
impl fmt::Debug for MemoryDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDriver").finish_non_exhaustive()
    }
}

struct Shared {
    store: Mutex<Store>,
    clock: Clock,
    wakes: broadcast::Sender<Wake>,
}

impl MemoryDriver {
    /// Makes an empty storage on the clock of the system.
    #[must_use]
    pub fn new() -> Self {
        Self::on(Clock::Real)
    }

    /// Makes an empty storage on `clock`: no job becomes due and no lease ends unless it is moved.
    ///
    /// A move wakes listeners with [`Wake::Scheduled`].
    #[must_use]
    pub fn with_clock(clock: ManualClock) -> Self {
        Self::on(Clock::Manual(clock))
    }

    fn on(clock: Clock) -> Self {
        let shared = Shared {
            store: Mutex::default(),
            clock,
            wakes: broadcast::Sender::new(WAKES_MAX),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Every job, finished ones included, in the order of their ids.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        self.call(|store, _| store.records().map(|record| record.to_job()).collect())
    }

    /// Every job that has not ended, with its input, in the order of their ids.
    pub(crate) fn unfinished(&self) -> Vec<(Job, Vec<u8>)> {
        self.call(|store, _| {
            store
                .records()
                .filter(|record| !record.is_finished())
                .map(|record| (record.to_job(), record.input.clone()))
                .collect()
        })
    }

    /// The queue of the ready job of these tasks that would be claimed first.
    pub(crate) fn first_queue(&self, tasks: &[String]) -> Option<String> {
        self.call(|store, _| store.ready().first_queue(tasks))
    }

    /// The tasks that have a ready job, by name.
    pub(crate) fn waiting_tasks(&self) -> Vec<String> {
        self.call(|store, _| store.ready().tasks())
    }

    /// Runs one operation on the store at the current time, then wakes whom it concerns.
    fn call<T>(&self, operation: impl FnOnce(&mut Store, DateTime<Utc>) -> T) -> T {
        let (value, wakes) = {
            // No operation panics half-way, so what a poisoned lock guards is whole.
            let mut store = self
                .shared
                .store
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let value = operation(&mut store, self.shared.clock.now());
            (value, store.take_wakes())
        };
        for wake in wakes {
            // An error means that nobody listens.
            let _ = self.shared.wakes.send(wake);
        }
        value
    }
}

impl Default for MemoryDriver {
    fn default() -> Self {
        Self::new()
    }
}

/// There is nothing outside of this process that could be set up wrong.
impl HealthDriver for MemoryDriver {}

#[async_trait]
impl Driver for MemoryDriver {
    async fn migrate(&self) -> Result<(), DriverError> {
        Ok(())
    }

    async fn check_schema(&self) -> Result<(), DriverError> {
        Ok(())
    }

    async fn prepare_history(&self, _: &[Retain]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn maintain_history(&self, _: &[Retain]) -> Result<HistoryReport, DriverError> {
        Ok(self.call(Store::prune))
    }

    async fn enqueue(&self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        Ok(self.call(|store, now| store.enqueue(enqueue, now)))
    }

    async fn enqueue_unique(&self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        Ok(self.call(|store, now| store.enqueue_unique(enqueue, now)))
    }

    async fn find(&self, job: JobId) -> Result<Option<Job>, DriverError> {
        Ok(self.call(|store, _| store.find(job)))
    }

    async fn input(&self, job: JobId) -> Result<Option<Vec<u8>>, DriverError> {
        Ok(self.call(|store, _| store.jobs.get(&job).map(|record| record.input.clone())))
    }

    async fn attempts(&self, job: JobId) -> Result<Vec<Attempt>, DriverError> {
        Ok(self.call(|store, _| store.attempts(job)))
    }

    async fn finished(&self, jobs: &[JobId]) -> Result<Vec<JobId>, DriverError> {
        Ok(self.call(|store, _| store.finished(jobs)))
    }

    async fn list(&self, listing: &Listing) -> Result<ListedJobs, DriverError> {
        Ok(self.call(|store, _| store.list(listing)))
    }

    async fn count(&self) -> Result<JobCounts, DriverError> {
        Ok(self.call(|store, now| store.count(now)))
    }

    async fn requeue(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
        Ok(self.call(|store, _| store.requeue(jobs)))
    }

    async fn delete(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
        Ok(self.call(|store, _| store.delete(jobs)))
    }

    async fn reschedule(&self, jobs: &[Job], start: Start) -> Result<Vec<JobId>, DriverError> {
        Ok(self.call(|store, now| store.reschedule(jobs, start, now)))
    }

    async fn register_worker(&self, worker: WorkerInfo) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.register_worker(&worker, now)))
    }

    async fn serve_queues(&self, worker: WorkerId, queues: &[String]) -> Result<(), DriverError> {
        self.call(|store, _| store.serve_queues(worker, queues));
        Ok(())
    }

    async fn heartbeat(
        &self,
        worker: WorkerId,
        lease: Duration,
        running: usize,
    ) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.heartbeat(worker, lease, running, now)))
    }

    async fn workers(&self) -> Result<Vec<WorkerState>, DriverError> {
        Ok(self.call(|store, now| store.worker_states(now)))
    }

    async fn deregister_worker(&self, worker: WorkerId) -> Result<(), DriverError> {
        self.call(|store, now| store.deregister_worker(worker, now));
        Ok(())
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, DriverError> {
        Ok(self.call(|store, now| store.claim(&claim, now)))
    }

    async fn ask(&self, ask: Ask) -> Result<Asked, DriverError> {
        Ok(self.call(|store, now| store.ask(&ask, now)))
    }

    async fn allotments(
        &self,
        worker: WorkerId,
        limits: &[Limited],
    ) -> Result<Vec<Allotment>, DriverError> {
        Ok(self.call(|store, _| store.limits.allotments(worker, limits)))
    }

    async fn keep(&self, worker: WorkerId, number: i64, kept: &[Keep]) -> Result<(), DriverError> {
        self.call(|store, _| store.limits.keep(worker, number, kept));
        Ok(())
    }

    async fn declare_limits(&self, limits: &[FleetLimit]) -> Result<(), DriverError> {
        self.call(|store, _| {
            store.limits.declare(limits);
            store.wake(Wake::Directives);
        });
        Ok(())
    }

    /// Jobs that wait for keys are ready here, and only claims by keys pass over them.
    async fn put_back(&self, _tasks: &[String], _after: i64) -> Result<Option<i64>, DriverError> {
        Ok(None)
    }

    async fn override_running(
        &self,
        what: &Limited,
        running: Option<u32>,
    ) -> Result<(), DriverError> {
        self.call(|store, _| {
            store.limits.override_running(what, running);
            store.wake(Wake::Directives);
        });
        Ok(())
    }

    async fn override_rate(&self, task: &str, rate: Option<FleetRate>) -> Result<(), DriverError> {
        self.call(|store, _| {
            store.limits.override_rate(task, rate);
            store.wake(Wake::Directives);
        });
        Ok(())
    }

    async fn limits(&self) -> Result<Vec<FleetLimit>, DriverError> {
        Ok(self.call(|store, _| store.limits.in_force()))
    }

    async fn complete(
        &self,
        worker: WorkerId,
        completions: &[Completion],
    ) -> Result<usize, DriverError> {
        Ok(self.call(|store, now| store.complete(worker, completions, now)))
    }

    async fn end(&self, worker: WorkerId, endings: &[Ending]) -> Result<usize, DriverError> {
        Ok(self.call(|store, now| store.end(worker, endings, now)))
    }

    async fn keep_logs(&self, worker: WorkerId, logs: &[NewLog]) -> Result<(), DriverError> {
        self.call(|store, now| store.keep_logs(worker, logs, now));
        Ok(())
    }

    async fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, DriverError> {
        Ok(self.call(|store, _| store.logs(job)))
    }

    async fn rescue(&self, blame_max: i16) -> Result<Rescued, DriverError> {
        Ok(self.call(|store, now| store.rescue(blame_max, now)))
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, DriverError> {
        Ok(self.call(|store, now| store.promote(limit, now)))
    }

    async fn expire(&self, limit: usize, kept: &Kept) -> Result<usize, DriverError> {
        Ok(self.call(|store, now| store.expire(limit, kept, now)))
    }

    async fn horizon(&self) -> Result<i64, DriverError> {
        Ok(self.call(|store, _| store.horizon()))
    }

    async fn unknown_task(
        &self,
        queue: &str,
        tasks: &[String],
    ) -> Result<Option<String>, DriverError> {
        Ok(self.call(|store, _| store.unknown_task(queue, tasks)))
    }

    async fn unknown_input(
        &self,
        queue: &str,
        tasks: &[String],
        fingerprints: &[i64],
    ) -> Result<Option<(String, i64)>, DriverError> {
        Ok(self.call(|store, _| store.unknown_input(queue, tasks, fingerprints)))
    }

    async fn queued_inputs(&self, limit: usize) -> Result<Vec<QueuedInput>, DriverError> {
        Ok(self.call(|store, _| store.queued_inputs(limit)))
    }

    async fn pause(&self, what: &Pausable) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.pause(what, now)))
    }

    async fn resume(&self, what: &Pausable) -> Result<bool, DriverError> {
        Ok(self.call(|store, _| store.resume(what)))
    }

    async fn pauses(&self) -> Result<Vec<Pause>, DriverError> {
        Ok(self.call(|store, _| store.pauses()))
    }

    async fn cancel(&self, job: JobId) -> Result<Option<Cancellation>, DriverError> {
        Ok(self.call(|store, now| store.cancel(job, now)))
    }

    async fn directives(&self, worker: WorkerId) -> Result<Directives, DriverError> {
        Ok(self.call(|store, _| store.directives(worker)))
    }

    async fn listen(&self) -> Result<Box<dyn Listener>, DriverError> {
        let wakes = self.shared.wakes.subscribe();
        let clock = self.shared.clock.subscribe();
        Ok(Box::new(MemoryListener::new(wakes, clock)))
    }

    fn schema_name(&self) -> Option<&str> {
        None
    }

    fn identity(&self) -> String {
        format!("memory {:p}", Arc::as_ptr(&self.shared))
    }

    fn detached(&self) -> Arc<dyn Driver> {
        Arc::new(self.clone())
    }
}

impl Enqueuer for &MemoryDriver {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        Driver::enqueue(self, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        Driver::enqueue_unique(self, enqueue).await
    }
}

impl Reader for &MemoryDriver {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new((*self).clone())
    }
}
