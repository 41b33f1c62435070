//! [`Hooks`]: what an application is told of its jobs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::job::JobId;
use crate::task::{Context, panic_message};

/// Is told what happens to jobs. Each method does nothing unless it is implemented.
///
/// Set by [`Run::hooks`](crate::Run::hooks) for what a worker does, and by
/// [`Pgq::hooks`](crate::Pgq::hooks) for what is enqueued through that handle; what is enqueued
/// through a plain pool or connection is told to nobody, nor is what an attempt enqueues through its
/// [`Context`].
///
/// A worker tells of an attempt when its task has ended, *before* the storage is told. So a hook is
/// no record: an attempt whose worker had lost its lease is told of as well, and an attempt that was
/// cut off by the death of its worker is not, unless it makes its job a dead letter. Who must know for
/// certain writes it in the transaction of the job.
///
/// An attempt that holds its thread past its time limit is told of as failed when it is given up. If a
/// transaction of its task completes the job nevertheless, that is told of as well, as a success.
///
/// Of a job that workers died of, the one worker tells that has rescued it, whatever its task: it may be
/// one that this worker does not know, or of another service on the same schema. If that worker has no
/// hooks, nobody is told, so set them in every worker.
///
/// Hooks run where the attempt does, one after the other; one that blocks holds up other attempts. What
/// is told of a rescue runs beside them. A panic in one is logged, and does no more.
pub trait Hooks: Send + Sync + 'static {
    /// Jobs were enqueued. In a transaction that is open they are not committed yet.
    fn on_enqueue(&self, enqueued: &Enqueued<'_>) {
        let _ = enqueued;
    }

    /// A task is about to run.
    fn on_start(&self, context: &Context) {
        let _ = context;
    }

    /// An attempt ended with a result.
    fn on_success(&self, success: &Success<'_>) {
        let _ = success;
    }

    /// An attempt failed: the task returned an error, panicked, or took too long, or its input does
    /// not decode. One that was cancelled, snoozed, or given back by a worker that stops has not
    /// failed.
    fn on_failure(&self, failure: &Failure<'_>) {
        let _ = failure;
    }

    /// A job has no other attempt: it is a dead letter. Told after [`on_failure`](Self::on_failure); if
    /// workers died of the job, instead of that, by the one that has found out.
    fn on_dead_letter(&self, dead: &DeadLetter<'_>) {
        let _ = dead;
    }
}

/// Jobs that were enqueued together.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Enqueued<'a> {
    /// The name of their task.
    pub task: &'a str,
    /// The queue that they wait in.
    pub queue: &'a str,
    /// Their numbers, in the order of their inputs.
    pub jobs: &'a [JobId],
}

/// An attempt that ended with a result.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Success<'a> {
    /// What the attempt knew of itself.
    pub context: &'a Context,
    /// How long it ran.
    pub elapsed: Duration,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// What the attempt knew of itself.
    pub context: &'a Context,
    /// How long it ran.
    pub elapsed: Duration,
    /// The messages of the error and its causes.
    pub error: &'a str,
    /// How long until the next attempt; `None` if there is none.
    pub next_attempt_in: Option<Duration>,
}

/// A job that needs a person: it runs again only if somebody requeues it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeadLetter<'a> {
    /// The job.
    pub job: JobId,
    /// The name of its task.
    pub task: &'a str,
    /// The queue that it was in.
    pub queue: &'a str,
    /// The messages of the last error and its causes.
    pub error: &'a str,
    /// What its last attempt knew of itself; `None` if it ended with the death of its worker.
    pub context: Option<&'a Context>,
}

/// Hooks in the order in which they were set.
#[derive(Clone, Default)]
pub(crate) struct HookList {
    hooks: Vec<Arc<dyn Hooks>>,
}

impl HookList {
    pub(crate) fn add(&mut self, hooks: impl Hooks) {
        self.hooks.push(Arc::new(hooks));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    /// Tells each of them; none that panics keeps the others from being told.
    pub(crate) fn tell(&self, tell: impl Fn(&dyn Hooks)) {
        for hooks in &self.hooks {
            let told = catch_unwind(AssertUnwindSafe(|| tell(&**hooks)));
            if let Err(payload) = told {
                let panic = panic_message(payload);
                tracing::error!(panic, "a hook panicked");
            }
        }
    }

    /// Tells that jobs were enqueued.
    pub(crate) fn enqueued(&self, task: &str, queue: &str, jobs: &[JobId]) {
        if !self.is_empty() && !jobs.is_empty() {
            let enqueued = Enqueued { task, queue, jobs };
            self.tell(|hooks| hooks.on_enqueue(&enqueued));
        }
    }
}

impl fmt::Debug for HookList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookList")
            .field("hooks", &self.hooks.len())
            .finish()
    }
}
