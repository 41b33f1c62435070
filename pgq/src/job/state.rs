//! [`JobState`].

use std::fmt;

/// Where a job is in its life.
///
/// A job is in exactly one state; each state has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobState {
    /// Not yet due: delayed by its caller, or waiting for its next attempt.
    Scheduled,
    /// Due, and waiting for a worker.
    Ready,
    /// Claimed by a worker.
    Running,
    /// Ended with a result.
    Completed,
    /// Ended with an error after its last attempt: a dead letter.
    Failed,
    /// Ended because somebody cancelled it.
    Cancelled,
    /// Ended because it was not started by the time it expires.
    Expired,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Ready,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Returns `true` if the job will not run again by itself.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        match self {
            Self::Scheduled | Self::Ready | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }

    /// Returns the name of the state, as the view `job` shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Finds a state by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
