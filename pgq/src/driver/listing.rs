//! What is asked, and answered, about many jobs.

use std::time::Duration;

use crate::job::{Job, JobState};

/// Asks for a page of jobs.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Their state.
    pub state: JobState,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// Only those of this task.
    pub task: Option<String>,
    /// Only those behind this place.
    pub after: Option<Position>,
    /// The most jobs to return.
    pub limit: usize,
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
