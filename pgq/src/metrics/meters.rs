//! The metrics of one worker. Their handles are made once, so that a job costs a few additions.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::handle::{Counter, Gauge, Histogram, counter, gauge, histogram};
use super::{
    ATTEMPT_DURATION, ATTEMPTS_CANCELLED, ATTEMPTS_COMPLETED, ATTEMPTS_FAILED, ATTEMPTS_FENCED,
    ATTEMPTS_RELEASED, ATTEMPTS_RETRIED, ATTEMPTS_RUNNING, ATTEMPTS_STARTED, CLAIM_DURATION,
    CLAIM_ERRORS, CLAIM_JOBS, CONCURRENCY, FINISH_DURATION, FINISH_JOBS, HEARTBEAT_ERRORS,
    HEARTBEATS, JOB_WAIT, JOBS_CLAIMED, JOBS_DEAD, JOBS_ENQUEUED, JOBS_PROMOTED, JOBS_RESCUED,
    LEASES_LOST, TICKS, WAKEUPS, WORKERS_RESCUED,
};

/// The handles.
#[derive(Debug)]
pub(crate) struct Meters {
    /// A queue that is added while the worker runs has its own from its first claim on.
    queues: Mutex<FxHashMap<String, QueueMeters>>,
    tasks: FxHashMap<&'static str, TaskMeters>,
    running: Gauge,
    finish_jobs: Histogram,
    finish_duration: Histogram,
    pub(crate) fenced: Counter,
    pub(crate) promoted: Counter,
    pub(crate) workers_rescued: Counter,
    pub(crate) jobs_rescued: Counter,
    pub(crate) jobs_dead: Counter,
    pub(crate) heartbeats: Counter,
    pub(crate) heartbeat_errors: Counter,
    pub(crate) leases_lost: Counter,
    pub(crate) wakeups: Counter,
}

#[derive(Debug)]
struct QueueMeters {
    claimed: Counter,
    claim_jobs: Histogram,
    claim_duration: Histogram,
    claim_errors: Counter,
}

#[derive(Debug)]
struct TaskMeters {
    wait: Histogram,
    started: Counter,
    completed: Counter,
    retried: Counter,
    failed: Counter,
    cancelled: Counter,
    released: Counter,
    duration: Histogram,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    Retried,
    Failed,
    Cancelled,
    Released,
}

impl Meters {
    /// The metrics of a worker that serves these queues and knows these tasks.
    pub(crate) fn new<'a>(
        queues: impl Iterator<Item = &'a str>,
        tasks: impl Iterator<Item = &'static str>,
        concurrency: usize,
    ) -> Self {
        gauge(CONCURRENCY, &[]).set(number(concurrency));
        let count = |metric| counter(metric, &[]);
        let queues = queues.map(|queue| (queue.to_owned(), QueueMeters::new(queue)));
        Self {
            queues: Mutex::new(queues.collect()),
            tasks: tasks.map(|task| (task, TaskMeters::new(task))).collect(),
            running: gauge(ATTEMPTS_RUNNING, &[]),
            finish_jobs: histogram(FINISH_JOBS, &[]),
            finish_duration: histogram(FINISH_DURATION, &[]),
            fenced: count(ATTEMPTS_FENCED),
            promoted: count(JOBS_PROMOTED),
            workers_rescued: count(WORKERS_RESCUED),
            jobs_rescued: count(JOBS_RESCUED),
            jobs_dead: count(JOBS_DEAD),
            heartbeats: count(HEARTBEATS),
            heartbeat_errors: count(HEARTBEAT_ERRORS),
            leases_lost: count(LEASES_LOST),
            wakeups: count(WAKEUPS),
        }
    }

    /// A claim has been answered with that many jobs.
    pub(crate) fn claimed(&self, queue: &str, jobs: usize, elapsed: Duration) {
        let mut queues = self.queues();
        let queue = meters_of(&mut queues, queue);
        queue.claim_duration.record(elapsed.as_secs_f64());
        if jobs > 0 {
            add(&queue.claimed, jobs);
            queue.claim_jobs.record(number(jobs));
        }
    }

    /// A claim has failed.
    pub(crate) fn claim_failed(&self, queue: &str) {
        let mut queues = self.queues();
        meters_of(&mut queues, queue).claim_errors.increment(1);
    }

    fn queues(&self) -> MutexGuard<'_, FxHashMap<String, QueueMeters>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task is about to run. `waited` is since the enqueue, if that is what the job waited for.
    pub(crate) fn started(&self, task: &str, waited: Option<Duration>) {
        if let Some(task) = self.tasks.get(task) {
            task.started.increment(1);
            if let Some(waited) = waited {
                task.wait.record(waited.as_secs_f64());
            }
        }
    }

    /// An attempt has ended.
    pub(crate) fn ended(&self, task: &str, outcome: Outcome, elapsed: Duration) {
        let Some(task) = self.tasks.get(task) else {
            return;
        };
        let counter = match outcome {
            Outcome::Completed => &task.completed,
            Outcome::Retried => &task.retried,
            Outcome::Failed => &task.failed,
            Outcome::Cancelled => &task.cancelled,
            Outcome::Released => &task.released,
        };
        counter.increment(1);
        task.duration.record(elapsed.as_secs_f64());
    }

    /// The ends of that many attempts have been written.
    pub(crate) fn finished(&self, attempts: usize, elapsed: Duration) {
        self.finish_jobs.record(number(attempts));
        self.finish_duration.record(elapsed.as_secs_f64());
    }

    /// A slot has been taken.
    pub(crate) fn slot_taken(&self) {
        self.running.increment(1.0);
    }

    /// A slot is free again.
    pub(crate) fn slot_freed(&self) {
        self.running.decrement(1.0);
    }
}

/// The handles of a queue, made if there are none.
fn meters_of<'a>(queues: &'a mut FxHashMap<String, QueueMeters>, queue: &str) -> &'a QueueMeters {
    if !queues.contains_key(queue) {
        queues.insert(queue.to_owned(), QueueMeters::new(queue));
    }
    &queues[queue]
}

impl QueueMeters {
    fn new(queue: &str) -> Self {
        Self {
            claimed: counter(JOBS_CLAIMED, &[queue]),
            claim_jobs: histogram(CLAIM_JOBS, &[queue]),
            claim_duration: histogram(CLAIM_DURATION, &[queue]),
            claim_errors: counter(CLAIM_ERRORS, &[queue]),
        }
    }
}

impl TaskMeters {
    fn new(task: &str) -> Self {
        let count = |metric| counter(metric, &[task]);
        Self {
            wait: histogram(JOB_WAIT, &[task]),
            started: count(ATTEMPTS_STARTED),
            completed: count(ATTEMPTS_COMPLETED),
            retried: count(ATTEMPTS_RETRIED),
            failed: count(ATTEMPTS_FAILED),
            cancelled: count(ATTEMPTS_CANCELLED),
            released: count(ATTEMPTS_RELEASED),
            duration: histogram(ATTEMPT_DURATION, &[task]),
        }
    }
}

/// Counts jobs that were enqueued.
pub(crate) fn count_enqueued(task: &str, queue: &str, jobs: usize) {
    add(&counter(JOBS_ENQUEUED, &[task, queue]), jobs);
}

/// Counts a tick that has a job.
pub(crate) fn count_tick(schedule: &str) {
    counter(TICKS, &[schedule]).increment(1);
}

/// Adds a number of things.
pub(crate) fn add(counter: &Counter, count: usize) {
    counter.increment(u64::try_from(count).unwrap_or(u64::MAX));
}

/// A number of jobs.
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
