//! [`Report`]: what ran.

use std::fmt;
use std::time::Duration;

use crate::driver::{ClaimedJob, End, Ending};
use crate::job::JobId;
use crate::worker::decide::Decision;

/// The attempts that one call of [`Harness::run_due`](super::Harness::run_due) ran.
#[derive(Clone, Debug, Default)]
#[must_use = "an attempt that failed is only reported"]
pub struct Report {
    pub(super) runs: Vec<Run>,
    pub(super) unknown_tasks: Vec<String>,
}

/// One attempt that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The number of the job.
    pub job: JobId,
    /// The name of its task.
    pub task: String,
    /// Which attempt this was, from 1.
    pub attempt: i16,
    /// What became of the job.
    pub outcome: Outcome,
}

/// What became of a job when an attempt of it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It ended with a result.
    Completed,
    /// It runs again.
    Retried {
        /// The delay before its next attempt.
        after: Duration,
        /// Why this attempt failed.
        error: String,
    },
    /// It was given back: its task snoozed it, or it seems to be meant for another build.
    Released {
        /// The delay before it is ready again.
        after: Duration,
        /// Why this build cannot run it; `None` if its task snoozed it.
        error: Option<String>,
    },
    /// Its task cancelled it.
    Cancelled {
        /// For this reason.
        reason: String,
    },
    /// It had not been started by the time it expires, and has ended; its task did not run.
    Expired,
    /// It is a dead letter.
    Failed {
        /// Why this attempt, its last, failed.
        error: String,
    },
}

impl Report {
    /// The attempts, in the order in which they ran.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many attempts ended with a result.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Completed))
    }

    /// How many attempts failed and are followed by another one.
    #[must_use]
    pub fn retried(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Retried { .. }))
    }

    /// How many jobs are dead letters now.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// The names of tasks that have jobs that are due, but that this binary does not know. Their
    /// jobs wait, as they would for another service.
    #[must_use]
    pub fn unknown_tasks(&self) -> &[String] {
        &self.unknown_tasks
    }

    /// Asserts that at least one attempt ran, and that each completed its job.
    ///
    /// # Panics
    ///
    /// If nothing ran, or an attempt failed. The message shows every attempt.
    #[track_caller]
    pub fn assert_completed(&self) {
        assert!(
            !self.runs.is_empty() && self.completed() == self.runs.len(),
            "every job that is due should complete, but {self}"
        );
    }

    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.runs.iter().filter(|run| wanted(&run.outcome)).count()
    }
}

/// One line for each attempt.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.runs.len() {
            0 => f.write_str("nothing ran")?,
            1 => f.write_str("this ran:")?,
            attempts => write!(f, "these {attempts} attempts ran:")?,
        }
        for run in &self.runs {
            write!(f, "\n  - {run}")?;
        }
        for task in &self.unknown_tasks {
            write!(
                f,
                "\n  - `{task}` is due, but no task of this name is known"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            job,
            task,
            attempt,
            outcome,
        } = self;
        write!(f, "job {job}, `{task}`, attempt {attempt}: {outcome}")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Retried { after, error } => write!(f, "retried after {after:?}: {error}"),
            Self::Released { after, error: None } => write!(f, "released for {after:?}"),
            Self::Released {
                after,
                error: Some(error),
            } => write!(f, "released for {after:?}: {error}"),
            Self::Cancelled { reason } => write!(f, "cancelled: {reason}"),
            Self::Expired => f.write_str("expired"),
            Self::Failed { error } => write!(f, "failed: {error}"),
        }
    }
}

impl Run {
    /// The attempt of a job that a transaction of its task completed.
    pub(super) fn completed(job: &ClaimedJob) -> Self {
        Self::of(job, Outcome::Completed)
    }

    pub(super) fn new(job: &ClaimedJob, decision: &Decision) -> Self {
        let outcome = match decision {
            Decision::Complete(_) => Outcome::Completed,
            Decision::End(ending) => Outcome::of(ending),
        };
        Self::of(job, outcome)
    }

    fn of(job: &ClaimedJob, outcome: Outcome) -> Self {
        Self {
            job: job.id,
            task: job.task.to_string(),
            attempt: job.attempt,
            outcome,
        }
    }
}

impl Outcome {
    fn of(ending: &Ending) -> Self {
        let error = ending.error.clone();
        match ending.end {
            End::Failed => Self::Failed {
                error: error.unwrap_or_default(),
            },
            End::Cancelled => Self::Cancelled {
                reason: error.unwrap_or_default(),
            },
            End::Retry(after) => Self::Retried {
                after,
                error: error.unwrap_or_default(),
            },
            End::Expired => Self::Expired,
            End::Release(after) | End::Unstarted(after) => Self::Released { after, error },
        }
    }
}
