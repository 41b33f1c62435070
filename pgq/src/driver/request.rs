//! What the operations of a [`Driver`](super::Driver) take and return.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Build;
use crate::job::{Conflict, Detail, Durability, JobId, JobState, Marks, NewKey, Retain, Retention};

/// The random number of one start of one worker. With the number of a claim it is the claim token:
/// together they are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(i64);

impl WorkerId {
    /// Draws an id, from the system's source of randomness.
    #[must_use]
    pub fn random() -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        Self((random >> 1).cast_signed())
    }

    /// Makes an id from the number in the column `worker`.
    #[must_use]
    pub const fn from_i64(id: i64) -> Self {
        Self(id)
    }

    /// Returns the number in the column `worker`.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// When a job may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// As soon as a worker is free.
    Now,
    /// This long after the storage's current time.
    After(Duration),
    /// At a time of the storage's clock.
    At(DateTime<Utc>),
}

/// Jobs of one task.
#[derive(Clone)]
pub struct Enqueue {
    /// The name of the task.
    pub task: Cow<'static, str>,
    /// The queue to wait in.
    pub queue: Cow<'static, str>,
    /// 0 to 9; larger ones are claimed first.
    pub priority: i16,
    /// 1 to 1000.
    pub max_attempts: i16,
    /// The fingerprint of the task's input; `None` if the enqueuer does not know it.
    pub fingerprint: Option<i64>,
    /// When the jobs may start.
    pub start: Start,
    /// Whether the commit waits for the disk. A driver that enqueues in a transaction of somebody else's leaves that
    /// to the transaction.
    pub durability: Durability,
    /// What they differ in.
    pub jobs: Vec<NewJob>,
}

/// One job of an [`Enqueue`].
#[derive(Clone)]
pub struct NewJob {
    /// Its input, format byte included.
    pub input: Vec<u8>,
    /// What there is of it beside its row; `None` for most.
    pub detail: Option<Box<Detail>>,
    /// By what it is the same as others; `None` for most. All jobs of an enqueue have one, or none.
    pub key: Option<Box<NewKey>>,
}

impl Enqueue {
    /// Whether some of the jobs may be the same as others.
    pub(crate) fn is_keyed(&self) -> bool {
        self.jobs.iter().any(|job| job.key.is_some())
    }

    /// Where nobody is there to be told of a conflict, the job is not added.
    pub(crate) fn skip_conflicts(&mut self) {
        for key in self.jobs.iter_mut().filter_map(|job| job.key.as_mut()) {
            if key.conflict == Conflict::Raise {
                key.conflict = Conflict::Skip;
            }
        }
    }
}

impl NewJob {
    /// A job with nothing but an input.
    #[must_use]
    pub const fn new(input: Vec<u8>) -> Self {
        Self {
            input,
            detail: None,
            key: None,
        }
    }

    /// The same job with a detail, unless that says nothing.
    #[must_use]
    pub fn detail(mut self, detail: Detail) -> Self {
        self.detail = (!detail.is_empty()).then(|| Box::new(detail));
        self
    }

    /// The same job with a key.
    #[must_use]
    pub fn key(mut self, key: NewKey) -> Self {
        self.key = Some(Box::new(key));
        self
    }

    /// Which rows it is to have beside its own.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let detail = match &self.detail {
            Some(detail) if detail.expires.is_some() => Marks::DETAIL | Marks::EXPIRES,
            Some(_) => Marks::DETAIL,
            None => Marks::NONE,
        };
        let keyed = match &self.detail {
            Some(given) if given.has_keys() => detail | Marks::KEYED,
            _ => detail,
        };
        match &self.key {
            Some(key) if key.within.is_none() => keyed | Marks::UNIQUE,
            _ => keyed,
        }
    }
}

impl From<Vec<u8>> for NewJob {
    fn from(input: Vec<u8>) -> Self {
        Self::new(input)
    }
}

/// What the fleet knows of a worker.
#[derive(Clone, Debug)]
pub struct WorkerInfo {
    /// The id of this start of the worker.
    pub id: WorkerId,
    /// How long its lease lasts without a heartbeat.
    pub lease: Duration,
    /// The host it runs on, for people.
    pub host: String,
    /// Its process, for people.
    pub pid: u32,
    /// The queues it serves, for people.
    pub queues: Vec<String>,
    /// How many jobs it runs at once at most, for people.
    pub concurrency: usize,
    /// What it was built from, for people.
    pub build: Build,
}

/// Asks for jobs of one queue.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who will run them.
    pub worker: WorkerId,
    /// The number of this claim; a worker never uses one twice.
    pub number: i64,
    /// The queue to claim from.
    pub queue: Arc<str>,
    /// The tasks to claim jobs of, in groups. What a driver remembers of where it has looked for one
    /// group holds for every claim that has it.
    pub tasks: Vec<Arc<[String]>>,
    /// The fingerprints of input that the worker knows; `None` if it takes any. A job without one
    /// is taken in any case.
    pub fingerprints: Option<Arc<[i64]>>,
    /// The most jobs to claim.
    pub limit: usize,
    /// Leave jobs alone that became ready after [`Driver::horizon`](super::Driver::horizon)
    /// returned this.
    pub horizon: Option<i64>,
    /// Leave jobs of a higher priority alone; `None`: claim any. With it a claim may find none although
    /// there are some.
    pub priority_max: Option<i16>,
}

impl Claim {
    /// The names of all tasks to claim jobs of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tasks
            .iter()
            .flat_map(|group| group.iter())
            .map(String::as_str)
    }

    /// Whether it takes jobs of that priority.
    pub(crate) fn takes_priority(&self, priority: i16) -> bool {
        self.priority_max.is_none_or(|max| priority <= max)
    }
}

/// The answer to a [`Claim`].
#[derive(Debug)]
pub enum Claimed {
    /// The jobs, highest priority first, then oldest. Empty if there is nothing to do.
    Jobs(Vec<ClaimedJob>),
    /// There are jobs, but others were about to take them. One that is not taken after all, because
    /// its taker dies, wakes nobody: claim again before waiting for a wake-up.
    Contended,
    /// The lease of the worker has ended, so it was given nothing.
    LeaseLost,
}

/// A job that a worker now holds.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// The number of the job.
    pub id: JobId,
    /// The number of the claim that took it.
    pub claim: i64,
    /// The name of its task.
    pub task: Arc<str>,
    /// The queue it waited in.
    pub queue: Arc<str>,
    /// 0 to 9.
    pub priority: i16,
    /// Which attempt this is, from 1.
    pub attempt: i16,
    /// How many attempts it has in all.
    pub max_attempts: i16,
    /// How many times it was handed to a worker, this one included.
    pub deliveries: i32,
    /// The fingerprint of the input's type; `None` if its enqueuer did not know it.
    pub fingerprint: Option<i64>,
    /// Its input, or where that is.
    pub input: ClaimedInput,
    /// How long ago it was enqueued; `None` unless it has been ready ever since.
    pub waited: Option<Duration>,
    /// Which rows it has beside its own.
    pub marks: Marks,
    /// What there is of it beside its row.
    pub detail: Option<Box<Detail>>,
    /// The time to start it is over: it is to be ended as [`End::Expired`].
    pub expired: bool,
}

impl ClaimedJob {
    /// The same, without its input and its detail.
    pub(crate) fn bare(&self) -> Self {
        Self {
            task: Arc::clone(&self.task),
            queue: Arc::clone(&self.queue),
            input: ClaimedInput::Here(Vec::new()),
            detail: None,
            ..*self
        }
    }
}

/// The input of a job that was claimed.
#[derive(Clone, PartialEq, Eq)]
pub enum ClaimedInput {
    /// The input, format byte included.
    Here(Vec<u8>),
    /// It is too large to be handed out with a claim; [`AttemptDriver::inputs`](super::AttemptDriver::inputs)
    /// reads it.
    Apart {
        /// The size of the input, in bytes.
        bytes: usize,
    },
}

impl ClaimedInput {
    /// How many bytes are yet to be read; 0 if the input is here.
    #[must_use]
    pub const fn missing(&self) -> usize {
        match self {
            Self::Here(_) => 0,
            Self::Apart { bytes } => *bytes,
        }
    }
}

/// The jobs of one state, task and fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedInput {
    /// Scheduled, ready or running.
    pub state: JobState,
    /// The name of their task.
    pub task: String,
    /// The fingerprint of their input; `None` if their enqueuer did not know it.
    pub fingerprint: Option<i64>,
    /// How many there are.
    pub jobs: u64,
}

/// An input that was kept apart from its job.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldInput {
    /// The job.
    pub job: JobId,
    /// The input, format byte included; `None` if it is gone, which no operation of a driver does
    /// while the job is there.
    pub input: Option<Vec<u8>>,
}

/// An attempt that ended with a result.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The job.
    pub job: JobId,
    /// The claim under which the worker held it.
    pub claim: i64,
    /// The result, format byte included; `None` stands for `()`.
    pub result: Option<Vec<u8>>,
    /// How long the job and its result are kept.
    pub retain: Retain,
    /// Whether the commit waits for the disk. It does if that of one of those that end together does, and in a
    /// transaction of somebody else's as that says.
    pub durability: Durability,
}

/// What an attempt has logged.
#[derive(Clone, Debug)]
pub struct NewLog {
    /// The job.
    pub job: JobId,
    /// The claim under which the worker holds it.
    pub claim: i64,
    /// Which attempt it is, from 1.
    pub attempt: i16,
    /// Whether the attempt has ended already, in a transaction that completed its job. If not, the
    /// worker must hold the job.
    pub is_completed: bool,
    /// The lines. Must not contain NUL.
    pub text: String,
}

/// An attempt that ended without a result.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The job.
    pub job: JobId,
    /// The claim under which the worker held it.
    pub claim: i64,
    /// What becomes of the job.
    pub end: End,
    /// What went wrong, kept with the attempt. Must not contain NUL.
    pub error: Option<String>,
    /// How long the error is kept, and the job if it has ended.
    pub retention: Retention,
}

impl Ending {
    /// Gives a job back, ready after `delay`; nothing went wrong.
    pub(crate) const fn released(job: JobId, claim: i64, delay: Duration) -> Self {
        Self::without_error(job, claim, End::Release(delay))
    }

    /// Gives a job back that was not started, ready after `delay`.
    pub(crate) const fn unstarted(job: JobId, claim: i64, delay: Duration) -> Self {
        Self::without_error(job, claim, End::Unstarted(delay))
    }

    /// Ends a job that was not started in time.
    pub(crate) fn expired(job: &ClaimedJob, retain: Retain) -> Self {
        Self {
            retention: retain.completed,
            ..Self::without_error(job.id, job.claim, End::Expired)
        }
    }

    const fn without_error(job: JobId, claim: i64, end: End) -> Self {
        Self {
            job,
            claim,
            end,
            error: None,
            retention: Retain::DEFAULT.failed,
        }
    }
}

/// How long jobs are kept that end where they wait, by their tasks.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Those of these tasks, by name.
    pub tasks: BTreeMap<String, Retention>,
    /// Those of other tasks.
    pub others: Retention,
}

impl Kept {
    /// How long jobs of a task are kept.
    #[must_use]
    pub fn of(&self, task: &str) -> Retention {
        self.tasks.get(task).copied().unwrap_or(self.others)
    }
}

impl From<Retention> for Kept {
    /// All for the same time.
    fn from(others: Retention) -> Self {
        Self {
            tasks: BTreeMap::new(),
            others,
        }
    }
}

/// What becomes of a job whose attempt ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is a dead letter.
    Failed,
    /// It is cancelled.
    Cancelled,
    /// It was not started in time; there was no attempt.
    Expired,
    /// It runs again after a delay; the attempt counts.
    Retry(Duration),
    /// It is given back, ready at once or after a delay; the attempt does not count.
    Release(Duration),
    /// It is given back as with `Release`, and its task has not been run: it may still expire.
    Unstarted(Duration),
}

/// What [`Driver::rescue`](super::Driver::rescue) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// How many workers had died.
    pub workers: usize,
    /// How many jobs are ready again.
    pub ready: usize,
    /// The jobs that are dead letters, because too many workers died of them, in the order of their
    /// numbers.
    pub failed: Vec<DeadJob>,
    /// How many jobs are cancelled, as somebody had asked for.
    pub cancelled: usize,
}

/// A job that workers died of, and that is a dead letter now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadJob {
    /// Its number.
    pub job: JobId,
    /// The queue that it was in.
    pub queue: String,
    /// The name of its task.
    pub task: String,
    /// Why it is one.
    pub error: String,
}

/// What [`Driver::promote`](super::Driver::promote) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promoted {
    /// How many jobs are ready now.
    pub jobs: usize,
    /// How long until the next scheduled job is due; `None` if there is none.
    pub next: Option<Duration>,
}

/// What [`Driver::maintain_history`](super::Driver::maintain_history) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryReport {
    /// How many parts of the history were made, ahead of what ends later.
    pub made: usize,
    /// How many parts of the history were dropped.
    pub dropped: usize,
    /// How many parts are to be dropped by a later call, because they are in use.
    pub postponed: usize,
}
