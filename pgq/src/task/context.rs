//! [`Context`].

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::complete::Completing;
use super::descriptor::TaskDescriptor;
use super::host::Host;
use super::progress::Reports;
use super::run::{HeldRun, Run};
use super::transaction::MakeTransaction;
use super::vital::Vital;
use super::{Cancel, CancelReason, StateMap};
use crate::driver::ClaimedJob;
use crate::job::{Detail, JobId};

/// What a running attempt knows of itself. A task takes it as `&pgq::Context`.
#[derive(Clone, Debug)]
pub struct Context {
    attempt: Arc<Attempt>,
    state: Arc<StateMap>,
    /// The run of the task; `None` outside of it, in the layers.
    run: Option<Arc<Run>>,
    /// What lives as long as anything of the attempt does.
    kept: Option<Kept>,
}

/// Something that is dropped with the last share of a context.
#[derive(Clone)]
struct Kept(#[expect(dead_code, reason = "held, not read")] Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

/// The job as this attempt sees it.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) job: JobId,
    pub(crate) task: Arc<str>,
    pub(crate) queue: Arc<str>,
    pub(crate) number: i16,
    pub(crate) max: i16,
    pub(crate) deliveries: i32,
    pub(crate) detail: Option<Box<Detail>>,
    /// What others can see and tell of it.
    pub(crate) vital: Arc<Vital>,
    /// The number of the claim under which the job is held.
    pub(crate) claim: i64,
    /// What is run; `None` in a unit test, as the host.
    pub(crate) descriptor: Option<TaskDescriptor>,
    pub(crate) host: Option<Arc<dyn Host>>,
    pub(crate) completing: Completing,
    /// What the layers leave to its end.
    pub(crate) around: Run,
    /// The run whose result the layers have returned.
    counted: OnceLock<Arc<HeldRun>>,
    pub(super) reports: Reports,
}

impl Attempt {
    /// An attempt of a job that `host` has claimed.
    pub(crate) fn new(
        job: &ClaimedJob,
        task: &TaskDescriptor,
        host: Arc<dyn Host>,
        vital: Arc<Vital>,
    ) -> Self {
        Self {
            job: job.id,
            task: Arc::clone(&job.task),
            queue: Arc::clone(&job.queue),
            number: job.attempt,
            max: job.max_attempts,
            deliveries: job.deliveries,
            detail: job.detail.clone(),
            vital,
            claim: job.claim,
            descriptor: Some(*task),
            host: Some(host),
            completing: Completing::default(),
            around: Run::default(),
            counted: OnceLock::new(),
            reports: Reports::default(),
        }
    }

    /// An attempt that nobody runs: it can write nothing.
    fn of_nobody() -> Self {
        Self {
            job: JobId::from_i64(0),
            task: Arc::from("test"),
            queue: Arc::from(crate::queue::DEFAULT_QUEUE),
            number: 1,
            max: 1,
            deliveries: 1,
            detail: None,
            vital: Arc::default(),
            claim: 0,
            descriptor: None,
            host: None,
            completing: Completing::default(),
            around: Run::default(),
            counted: OnceLock::new(),
            reports: Reports::default(),
        }
    }
}

/// The shared value that a task asks for was not given to `run()`, or is there only while a task runs.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.problem())]
pub struct MissingState {
    type_name: &'static str,
    /// Whether a context has it that is of a run of one task.
    is_of_runs: bool,
}

impl MissingState {
    fn problem(&self) -> String {
        let name = self.type_name;
        if self.is_of_runs {
            return format!(
                "a `{name}` belongs to one run of a task, and this context is of none: it is that of a \
                 layer, a hook, a test or the option `batch`"
            );
        }
        format!("no state of type `{name}` was given; add `.state(…)` to `pgq::run()`")
    }
}

impl Context {
    pub(crate) fn new(attempt: Attempt, state: Arc<StateMap>) -> Self {
        Self {
            attempt: Arc::new(attempt),
            state,
            run: None,
            kept: None,
        }
    }

    /// Keeps something for as long as anything of the attempt runs, as a thread may that nobody waits
    /// for any more.
    pub(crate) fn keeping(mut self, kept: Arc<impl Any + Send + Sync>) -> Self {
        self.kept = Some(Kept(kept));
        self
    }

    /// A context for calling a task as a plain fn in a unit test: job 0, first attempt, no state.
    #[must_use]
    pub fn for_test() -> Self {
        Self::new(Attempt::of_nobody(), Arc::default())
    }

    /// The context of a call for many jobs, of which this is one: it is of no single job.
    pub(super) fn of_batch(&self) -> Self {
        let own = self.own();
        let attempt = Attempt {
            job: own.job,
            task: Arc::clone(&own.task),
            queue: Arc::clone(&own.queue),
            number: own.number,
            max: own.max,
            deliveries: own.deliveries,
            ..Attempt::of_nobody()
        };
        Self::new(attempt, Arc::clone(&self.state))
    }

    pub(crate) fn task_name(&self) -> &Arc<str> {
        &self.attempt.task
    }

    pub(crate) fn pulse(&self) -> &super::Pulse {
        &self.attempt.vital.pulse
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.attempt.vital.cancel
    }

    pub(crate) fn own(&self) -> &Attempt {
        &self.attempt
    }

    /// A share of the attempt, without what is kept for as long as it runs.
    pub(super) fn share(&self) -> Arc<Attempt> {
        Arc::clone(&self.attempt)
    }

    pub(super) fn weak(&self) -> Weak<Attempt> {
        Arc::downgrade(&self.attempt)
    }

    /// The context that a run of the task is given.
    pub(super) fn of_run(&self, run: Arc<Run>) -> Self {
        let mut own = self.clone();
        own.run = Some(run);
        own
    }

    /// Lets a run be the one whose children and transaction count.
    pub(crate) fn count(&self, run: Arc<HeldRun>) {
        if run.is_of(&self.attempt) {
            // There is one result only.
            let _ = self.attempt.counted.set(run);
        }
    }

    /// The run that this context is of, or else the one that counts.
    pub(crate) fn run(&self) -> Option<&Run> {
        let counted = || self.attempt.counted.get().map(|held| &*held.run);
        self.run.as_deref().or_else(counted)
    }

    /// The run that this context is of; that of the layers if it is of none.
    pub(super) fn own_run(&self) -> &Run {
        self.run.as_deref().unwrap_or(&self.attempt.around)
    }

    /// The number of the job.
    #[must_use]
    pub fn job_id(&self) -> JobId {
        self.attempt.job
    }

    /// The name of the task, as the row carries it: its own, or an alias.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.attempt.task
    }

    /// The queue that the job waited in.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.attempt.queue
    }

    /// Which attempt this is, from 1. An attempt that a shutdown or the death of its worker ended
    /// does not count, so the same number can come twice; [`deliveries`](Self::deliveries) counts
    /// them all.
    #[must_use]
    pub fn attempt(&self) -> i16 {
        self.attempt.number
    }

    /// How many attempts the job has in all.
    #[must_use]
    pub fn max_attempts(&self) -> i16 {
        self.attempt.max
    }

    /// How many times the job was handed to a worker, this one included.
    #[must_use]
    pub fn deliveries(&self) -> i32 {
        self.attempt.deliveries
    }

    /// The tags of the job: those of its task, and what its enqueuer added.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        self.detail().map_or(&[], |detail| &detail.tags)
    }

    /// The header of that name, which the job's enqueuer has set.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.detail()?.headers.get(name).map(String::as_str)
    }

    /// The headers of the job, by name.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.detail().into_iter().flat_map(|detail| &detail.headers);
        headers.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// When it was too late to start the job for the first time, by the database's clock; `None` if
    /// that was never.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.detail()?.expires_at()
    }

    /// The job whose attempt has enqueued this one; `None` if no job's has.
    #[must_use]
    pub fn parent(&self) -> Option<JobId> {
        self.detail()?.parent
    }

    /// The first job of the line of parents: this one if it has no parent.
    #[must_use]
    pub fn root(&self) -> JobId {
        let root = self.detail().and_then(|detail| detail.root);
        root.unwrap_or(self.attempt.job)
    }

    fn detail(&self) -> Option<&Detail> {
        self.attempt.detail.as_deref()
    }

    /// Is cancelled when this attempt should end; [`cancel_reason`](Self::cancel_reason) says why.
    ///
    /// That is when somebody cancels the job, when the time limit is over, when the worker loses its
    /// lease, and when it stops and its deadline has come. A task that then returns early spares
    /// its worker from dropping it. What becomes of the job depends on the reason:
    /// [`CancelReason`] says it for each.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        self.cancel().token()
    }

    /// Why this attempt should end; `None` if nobody has said so.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.cancel().reason()
    }

    /// Returns the shared value of type `T`.
    ///
    /// # Errors
    ///
    /// Fails if `run()` was not given one.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&T, MissingState> {
        let own = if TypeId::of::<T>() == TypeId::of::<Self>() {
            (self as &dyn Any).downcast_ref()
        } else if let Some(make) = self.state.get::<MakeTransaction>()
            && make.type_id() == TypeId::of::<T>()
            && self.attempt.host.is_some()
        {
            let run = self.run.as_ref();
            let made = run.map(|run| run.make_transaction(make) as &dyn Any);
            made.and_then(|made| made.downcast_ref())
        } else {
            self.state.get()
        };
        own.ok_or_else(|| MissingState {
            type_name: std::any::type_name::<T>(),
            is_of_runs: self.state.of_one_job() == Some(TypeId::of::<T>()),
        })
    }
}
