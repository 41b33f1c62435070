//! [`Attempt`]: one run of a job, for looking at.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::WorkerId;

/// One attempt to run a job.
///
/// Times are the database's. An attempt that was given back, because its worker stopped or because
/// its task snoozed the job, does not count and leaves none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt it was, from 1. One that was lost with its worker does not count, so the next
    /// has the same number; and after a requeue they begin at 1 again.
    pub number: i16,
    /// The start of the worker that ran it, as in the column `worker`.
    pub worker: WorkerId,
    /// When the worker claimed the job.
    pub started_at: DateTime<Utc>,
    /// When it ended, or, if the worker died, when that was noticed; `None` while it runs.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The message of its error and of each cause, joined by `: `, or the reason of a cancellation.
    pub error: Option<String>,
}

/// How an [`Attempt`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// It runs.
    Running,
    /// With a result.
    Completed,
    /// With an error, a panic, or at its time limit.
    Failed,
    /// Somebody, or the task itself, cancelled the job.
    Cancelled,
    /// Its worker died.
    Lost,
}

impl Attempt {
    /// How long it took; `None` while it runs.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let took = self.ended_at? - self.started_at;
        Some(took.to_std().unwrap_or_default())
    }
}
