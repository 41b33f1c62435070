//! Runs due jobs one after another, where they were asked to run, on any storage.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Report, Run};
use crate::client::INPUT_MAX_DEFAULT;
use crate::driver::{
    Build, Claim, Claimed, ClaimedInput, ClaimedJob, Driver, DriverError, WorkerId, WorkerInfo,
};
use crate::job::JobId;
use crate::middleware::TaskService;
use crate::task::{Attempt, Batches, Context, Host, Problem, Registry, StateMap, TaskDescriptor};
use crate::worker::attempt::run_attempt;
use crate::worker::conclude::{Conclusion, complete_with_children, conclude};
use crate::worker::decide::{AttemptEnd, Decision, decide};

/// The most attempts that one call of [`Harness::run_due`](super::Harness::run_due) runs. More than
/// this are taken for jobs that enqueue one another without end.
pub const RUNS_MAX: usize = 10_000;

/// How many jobs one call of a driver promotes.
const PROMOTED_MAX: usize = 10_000;

/// Delays between attempts are not spread: this is the middle of their range.
const NO_JITTER: f64 = 0.5;

/// What is asked of a storage of jobs, beside what a driver does.
#[async_trait]
pub(super) trait Storage: fmt::Debug + Sync {
    /// Does what workers do.
    fn driver(&self) -> Arc<dyn Driver>;

    /// How long one call may take, by the clock of the storage.
    fn lease(&self) -> Duration;

    /// The queue of the ready job of these tasks that is to run first.
    async fn next_queue(&self, tasks: &[String]) -> Result<Option<String>, DriverError>;

    /// The tasks that have a ready job, by name.
    async fn ready_tasks(&self) -> Result<Vec<String>, DriverError>;
}

/// What runs: tasks with the state that they take.
#[derive(Debug)]
pub(super) struct Inline {
    pub(super) registry: Registry,
    state: Arc<StateMap>,
}

/// Why `run_due` cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error("{0}")]
    Problem(Problem),
    #[error(
        "{RUNS_MAX} attempts ran and more are due, which looks like jobs that enqueue one another \
         without end; the next is of {0}"
    )]
    Endless(String),
    #[error("{0}")]
    Driver(#[from] DriverError),
    #[error("the lease of `run_due` ended; nothing else may rescue its jobs")]
    LeaseLost,
}

impl Inline {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            state: Arc::default(),
        }
    }

    pub(super) fn give<T: Send + Sync + 'static>(&mut self, value: T) {
        Arc::make_mut(&mut self.state).insert(value);
    }

    /// Runs every job that is due, until nothing is due.
    pub(super) async fn run_due(&self, storage: &dyn Storage) -> Result<Report, Stop> {
        let worker = WorkerInfo {
            id: WorkerId::random(),
            lease: storage.lease(),
            host: "a test".to_owned(),
            pid: std::process::id(),
            queues: Vec::new(),
            concurrency: 1,
            build: Build::default(),
        };
        let id = worker.id;
        storage.driver().register_worker(worker).await?;
        let mut report = Report::default();
        while let Some(job) = self.claim(storage, id, report.runs.len()).await? {
            if report.runs.len() == RUNS_MAX {
                return Err(Stop::Endless(format!("`{}`", job.task)));
            }
            report.runs.push(self.run(storage, id, &job).await?);
        }
        storage.driver().deregister_worker(id).await?;
        report.unknown_tasks = self.unknown_tasks(storage).await?;
        Ok(report)
    }

    /// Claims the next job that is due.
    async fn claim(
        &self,
        storage: &dyn Storage,
        worker: WorkerId,
        claims: usize,
    ) -> Result<Option<ClaimedJob>, Stop> {
        while storage.driver().promote(PROMOTED_MAX).await?.jobs == PROMOTED_MAX {}
        let tasks: Arc<[String]> = self.registry.names().map(str::to_owned).collect();
        let Some(queue) = storage.next_queue(&tasks).await? else {
            return Ok(None);
        };
        let claim = Claim {
            worker,
            number: i64::try_from(claims).unwrap_or(i64::MAX),
            queue: queue.into(),
            tasks: vec![tasks],
            fingerprints: None,
            limit: 1,
            horizon: None,
            priority_max: None,
        };
        match storage.driver().claim(claim).await? {
            Claimed::Jobs(mut jobs) => Ok(jobs.pop()),
            Claimed::Contended => Ok(None),
            Claimed::LeaseLost => Err(Stop::LeaseLost),
        }
    }

    async fn run(
        &self,
        storage: &dyn Storage,
        worker: WorkerId,
        job: &ClaimedJob,
    ) -> Result<Run, Stop> {
        let task = self.runnable(&job.task)?;
        let host = Arc::new(Caller {
            driver: storage.driver(),
            worker,
        });
        let attempt = Attempt::new(job, task, Arc::<Caller>::clone(&host), Arc::default());
        let context = Context::new(attempt, Arc::clone(&self.state));
        let end = if job.expired {
            AttemptEnd::Expired
        } else {
            let input = input(storage, worker, job).await?;
            let layers = TaskService::task();
            run_attempt(task, &layers, &context, input, Duration::ZERO).await
        };
        let end = match conclude(&context, end).await {
            Conclusion::Decide(end) => end,
            Conclusion::Completed => return Ok(Run::completed(job)),
            Conclusion::Fenced => return Err(Stop::LeaseLost),
        };
        let decision = decide(end, job, task, &[], INPUT_MAX_DEFAULT, NO_JITTER);
        let run = Run::new(job, &decision);
        match decision {
            Decision::Complete(completion) if context.has_children() => {
                complete_with_children(&*host, &context, &completion).await?;
            }
            Decision::Complete(completion) => {
                storage.driver().complete(worker, &[completion]).await?;
            }
            Decision::End(ending) => {
                storage.driver().end(worker, &[ending]).await?;
            }
        }
        Ok(run)
    }

    /// The task of that name or alias, if nothing is wrong with it.
    fn runnable(&self, name: &str) -> Result<&TaskDescriptor, Stop> {
        let task = self.registry.task(name);
        let task = task.ok_or(Stop::Problem(Problem::NoTasks))?;
        let given = self.state.type_ids().collect();
        let of_one_job = self.state.of_one_job();
        let problems = self
            .registry
            .check(&given, of_one_job, |_| true, Vec::new());
        let own = problems.err().and_then(|problems| {
            let mut problems = problems.as_slice().iter();
            problems
                .find(|problem| concerns(problem, task.name))
                .cloned()
        });
        own.map_or(Ok(task), |problem| Err(Stop::Problem(problem)))
    }

    /// The tasks that are due and not known here. To know none at all is a mistake.
    async fn unknown_tasks(&self, storage: &dyn Storage) -> Result<Vec<String>, Stop> {
        let mut unknown = storage.ready_tasks().await?;
        unknown.retain(|task| self.registry.task(task).is_none());
        if !unknown.is_empty() && self.registry.tasks().next().is_none() {
            return Err(Stop::Problem(Problem::NoTasks));
        }
        Ok(unknown)
    }
}

/// Who runs an attempt: the caller of `run_due`.
#[derive(Debug)]
struct Caller {
    driver: Arc<dyn Driver>,
    worker: WorkerId,
}

impl Host for Caller {
    fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    fn worker(&self) -> WorkerId {
        self.worker
    }

    fn result_max(&self) -> usize {
        INPUT_MAX_DEFAULT
    }

    /// One job runs at a time.
    fn batches(&self) -> Option<&Batches> {
        None
    }

    /// Nobody compares what is held here.
    fn completing(&self, _: JobId, _: i64) {}
}

/// The input of a job that was claimed.
async fn input(storage: &dyn Storage, worker: WorkerId, job: &ClaimedJob) -> Result<Vec<u8>, Stop> {
    if let ClaimedInput::Here(input) = &job.input {
        return Ok(input.clone());
    }
    let mut inputs = storage
        .driver()
        .inputs(worker, &[(job.id, job.claim)])
        .await?;
    // Nobody else takes jobs from a test.
    let input = inputs.pop().and_then(|held| held.input);
    Ok(input.unwrap_or_default())
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
