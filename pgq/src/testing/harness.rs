//! [`Harness`].

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Report, Run};
use crate::client::{Enqueuer, INPUT_MAX_DEFAULT, Reader};
use crate::driver::{
    Claim, Claimed, ClaimedInput, ClaimedJob, Driver, DriverError, Enqueue, WorkerId, WorkerInfo,
};
use crate::job::JobId;
use crate::memory::{ManualClock, MemoryDriver};
use crate::task::{Attempt, Context, Problem, Registry, StateMap, TaskDescriptor};
use crate::worker::attempt::run_attempt;
use crate::worker::decide::{Decision, decide};

/// The most attempts that one call of [`Harness::run_due`] runs. More than this are taken for jobs
/// that enqueue one another without end.
pub const RUNS_MAX: usize = 10_000;

/// Delays between attempts are not spread: this is the middle of their range.
const NO_JITTER: f64 = 0.5;

/// Takes the place of the database and of the workers in tests of tasks.
///
/// Jobs are enqueued and looked at through `&Harness`. They run when [`run_due`](Self::run_due) is
/// called, and only then. Each harness is a storage of its own.
#[derive(Debug)]
pub struct Harness {
    pub(super) storage: MemoryDriver,
    clock: ManualClock,
    pub(super) registry: Registry,
    state: Arc<StateMap>,
}

/// Why `run_due` cannot go on.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("{0}")]
    Problem(Problem),
    #[error(
        "{RUNS_MAX} attempts ran and more are due, which looks like jobs that enqueue one another \
         without end; the next is of {0}"
    )]
    Endless(String),
    #[error("{0}")]
    Driver(#[from] DriverError),
    #[error("the lease of the harness ended; nothing else may rescue its jobs")]
    LeaseLost,
}

impl Harness {
    /// Makes a harness with every task that is linked into this binary.
    #[must_use]
    pub fn new() -> Self {
        Self::with_registry(Registry::linked())
    }

    /// Makes a harness with the tasks of `registry`.
    #[must_use]
    pub fn with_registry(registry: Registry) -> Self {
        let clock = ManualClock::default();
        Self {
            storage: MemoryDriver::with_clock(clock.clone()),
            clock,
            registry,
            state: Arc::default(),
        }
    }

    /// Gives tasks the value that they take as `&T`, in the place of an earlier one of its type.
    ///
    /// Only the tasks that run need their values.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        Arc::make_mut(&mut self.state).insert(value);
        self
    }

    /// The clock, which stands at the time at which the harness was made until it is moved.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The storage, with every job in it.
    #[must_use]
    pub fn storage(&self) -> &MemoryDriver {
        &self.storage
    }

    /// Moves the clock forward. Runs nothing: see [`run_due`](Self::run_due).
    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Runs every job that is due, one after another, until nothing is due.
    ///
    /// Of all queues the job of the highest priority runs first, then the one that is ready for
    /// longest. Jobs that running jobs enqueue count too, and so do attempts whose delay is zero.
    /// The clock does not move by itself; only a task's own timeout is measured in real time.
    ///
    /// # Panics
    ///
    /// If a task that is due has a problem that the start of a worker would report, as state that
    /// was not given; or after [`RUNS_MAX`] attempts. Not if a task fails or panics: the
    /// [`Report`] tells.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the job of a dropped call stays in the state `running`.
    #[track_caller]
    pub fn run_due(&self) -> impl Future<Output = Report> + Send + '_ {
        let caller = Location::caller();
        async move {
            match self.try_run_due().await {
                Ok(report) => report,
                Err(stop) => panic!("`run_due` at {caller} cannot go on: {stop}"),
            }
        }
    }

    async fn try_run_due(&self) -> Result<Report, Stop> {
        let worker = WorkerInfo {
            id: WorkerId::random(),
            // The clock may be moved by the very task that runs.
            lease: Duration::MAX,
            host: "harness".to_owned(),
            pid: std::process::id(),
            queues: Vec::new(),
        };
        let id = worker.id;
        self.storage.register_worker(worker).await?;
        let mut report = Report::default();
        while let Some(job) = self.claim(id, report.runs.len()).await? {
            if report.runs.len() == RUNS_MAX {
                return Err(Stop::Endless(format!("`{}`", job.task)));
            }
            report.runs.push(self.run(id, &job).await?);
        }
        self.storage.deregister_worker(id).await?;
        report.unknown_tasks = self.unknown_tasks()?;
        Ok(report)
    }

    /// Claims the next job that is due.
    async fn claim(&self, worker: WorkerId, claims: usize) -> Result<Option<ClaimedJob>, Stop> {
        self.storage.promote(usize::MAX).await?;
        let tasks: Arc<[String]> = self.registry.names().map(str::to_owned).collect();
        let Some(queue) = self.storage.next_queue(&tasks) else {
            return Ok(None);
        };
        let claim = Claim {
            worker,
            number: i64::try_from(claims).unwrap_or(i64::MAX),
            queue: queue.into(),
            tasks,
            fingerprints: None,
            limit: 1,
            horizon: None,
        };
        match self.storage.claim(claim).await? {
            Claimed::Jobs(mut jobs) => Ok(jobs.pop()),
            Claimed::Contended => Ok(None),
            Claimed::LeaseLost => Err(Stop::LeaseLost),
        }
    }

    async fn run(&self, worker: WorkerId, job: &ClaimedJob) -> Result<Run, Stop> {
        let task = self.runnable(&job.task)?;
        let attempt = Attempt {
            job: job.id,
            task: Arc::clone(&job.task),
            queue: Arc::clone(&job.queue),
            number: job.attempt,
            max: job.max_attempts,
            deliveries: job.deliveries,
        };
        let context = Context::new(attempt, Arc::clone(&self.state), CancellationToken::new());
        let input = self.input(worker, job).await?;
        let end = run_attempt(task, &context, input).await;
        let decision = decide(end, job, task, &[], INPUT_MAX_DEFAULT, NO_JITTER);
        let run = Run::new(job, &decision);
        match decision {
            Decision::Complete(completion) => self.storage.complete(worker, &[completion]).await?,
            Decision::End(ending) => self.storage.end(worker, &[ending]).await?,
        };
        Ok(run)
    }

    /// The input of a job that was claimed.
    async fn input(&self, worker: WorkerId, job: &ClaimedJob) -> Result<Vec<u8>, Stop> {
        if let ClaimedInput::Here(input) = &job.input {
            return Ok(input.clone());
        }
        let mut inputs = self.storage.inputs(worker, &[(job.id, job.claim)]).await?;
        // Nobody else can take jobs from the harness.
        let input = inputs.pop().and_then(|held| held.input);
        Ok(input.unwrap_or_default())
    }

    /// The task of that name or alias, if nothing is wrong with it.
    fn runnable(&self, name: &str) -> Result<&TaskDescriptor, Stop> {
        let task = self.registry.task(name);
        let task = task.ok_or(Stop::Problem(Problem::NoTasks))?;
        let given = self.state.type_ids().collect();
        let problems = self.registry.check(&given, |_| true, Vec::new());
        let own = problems.err().and_then(|problems| {
            let mut problems = problems.as_slice().iter();
            problems
                .find(|problem| concerns(problem, task.name))
                .cloned()
        });
        own.map_or(Ok(task), |problem| Err(Stop::Problem(problem)))
    }

    /// The tasks that are due and not known here. To know none at all is a mistake.
    fn unknown_tasks(&self) -> Result<Vec<String>, Stop> {
        let mut unknown = self.storage.ready_tasks();
        unknown.retain(|task| self.registry.task(task).is_none());
        if !unknown.is_empty() && self.registry.tasks().next().is_none() {
            return Err(Stop::Problem(Problem::NoTasks));
        }
        Ok(unknown)
    }
}

fn concerns(problem: &Problem, name: &str) -> bool {
    match problem {
        Problem::DuplicateTask { task, .. }
        | Problem::MissingState { task, .. }
        | Problem::QueueNotServed { task, .. }
        | Problem::InvalidTask { task, .. } => *task == name,
        Problem::DuplicateAlias { tasks, .. } => tasks.contains(&name),
        Problem::NoTasks
        | Problem::DuplicateSchedule { .. }
        | Problem::InvalidSchedule { .. }
        | Problem::InvalidSetting { .. } => false,
    }
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl Enqueuer for &Harness {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        Driver::enqueue(&self.storage, enqueue).await
    }
}

impl Reader for &Harness {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(self.storage.clone())
    }
}
