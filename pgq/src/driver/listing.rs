//! What is asked, and answered, about many jobs.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::job::{Job, JobId, JobState};

/// Asks for a page of jobs.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Their state.
    pub state: JobState,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// Only those of this task.
    pub task: Option<String>,
    /// Only those that have this tag.
    pub tag: Option<String>,
    /// Only these jobs.
    pub jobs: Option<Vec<JobId>>,
    /// Only those that were enqueued at this time or later.
    pub created_from: Option<DateTime<Utc>>,
    /// Only those that were enqueued before this time.
    pub created_before: Option<DateTime<Utc>>,
    /// Whether to read the results of those that completed.
    pub results: bool,
    /// Only those behind this place.
    pub after: Option<Position>,
    /// The most jobs to return.
    pub limit: usize,
}

impl Listing {
    /// Asks for the newest jobs of `state`, of all queues and tasks, at most `limit`.
    #[must_use]
    pub const fn of(state: JobState, limit: usize) -> Self {
        Self {
            state,
            queue: None,
            task: None,
            tag: None,
            jobs: None,
            created_from: None,
            created_before: None,
            results: true,
            after: None,
            limit,
        }
    }

    /// Whether all jobs of the state are asked for.
    pub(crate) const fn is_of_state_only(&self) -> bool {
        self.queue.is_none()
            && self.task.is_none()
            && self.tag.is_none()
            && self.jobs.is_none()
            && self.created_from.is_none()
            && self.created_before.is_none()
            && self.after.is_none()
    }

    /// Whether the job is one that is asked for, wherever the page begins.
    #[cfg(any(feature = "postgres", feature = "testing"))]
    pub(crate) fn matches(&self, job: &Job) -> bool {
        let Self {
            state,
            queue,
            task,
            tag,
            jobs,
            created_from,
            created_before,
            results: _,
            after: _,
            limit: _,
        } = self;
        *state == job.state
            && queue.as_ref().is_none_or(|queue| *queue == job.queue)
            && task.as_ref().is_none_or(|task| *task == job.task)
            && tag.as_ref().is_none_or(|tag| has_tag(job, tag))
            && jobs.as_ref().is_none_or(|jobs| jobs.contains(&job.id))
            && created_from.is_none_or(|from| from <= job.created_at)
            && created_before.is_none_or(|before| job.created_at < before)
    }
}

#[cfg(any(feature = "postgres", feature = "testing"))]
fn has_tag(job: &Job, tag: &str) -> bool {
    let tags = job.detail.as_ref().map(|detail| &detail.tags);
    tags.is_some_and(|tags| tags.iter().any(|own| own == tag))
}

/// A place in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(i64);

impl Position {
    /// Makes a place from its number, as kept from an earlier listing of the same state.
    #[must_use]
    pub const fn from_i64(number: i64) -> Self {
        Self(number)
    }

    /// The number of the place.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

/// A page of jobs.
#[derive(Clone, Debug)]
pub struct ListedJobs {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// Where the next page begins; `None` if this was the last one.
    pub next: Option<Position>,
}

/// How many jobs there are of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number.
    pub jobs: u64,
    /// Whether it was counted. If not, it is what the storage's statistics say, or, for a queue,
    /// the number at which the counting was ended.
    pub is_exact: bool,
}

/// How many jobs there are.
#[derive(Clone, Debug, Default)]
pub struct JobCounts {
    /// By state; those that have no jobs may be missing.
    pub states: Vec<(JobState, Count)>,
    /// The queues in which jobs are ready, by name.
    pub queues: Vec<WaitingJobs>,
}

impl JobCounts {
    /// The number of jobs of one state.
    #[must_use]
    pub fn state(&self, state: JobState) -> Count {
        let none = Count {
            jobs: 0,
            is_exact: true,
        };
        self.states
            .iter()
            .find(|(counted, _)| *counted == state)
            .map_or(none, |(_, count)| *count)
    }
}

/// What waits in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingJobs {
    /// The name of the queue.
    pub queue: String,
    /// How many jobs are ready.
    pub ready: Count,
    /// For how long the oldest of the next jobs has existed; the next ones are those that a worker
    /// would claim first.
    pub waited: Duration,
}
