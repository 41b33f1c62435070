//! [`Unique`] and [`Conflict`].

use std::time::Duration;

/// Which jobs of a task are the same, so that only one of them is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unique {
    /// The parameters that are compared. Default: none are named, which stands for all of them.
    pub by: &'static [&'static str],
    /// For how long after its enqueue a job keeps others away. Default: until it has ended.
    pub within: Option<Duration>,
    /// What becomes of a second job. Default: [`Conflict::Skip`].
    pub conflict: Conflict,
}

/// What becomes of a job that is the same as one that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// It is not added; its enqueuer is given the one that is there.
    #[default]
    Skip,
    /// It takes the place of the one that is there, if that has not been started.
    Replace,
    /// It is not added; its enqueuer is given an error.
    Raise,
}

impl Unique {
    /// Jobs of the same input, until the first has ended; a second is skipped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            by: &[],
            within: None,
            conflict: Conflict::Skip,
        }
    }

    /// Compares these parameters only.
    #[must_use]
    pub const fn by(mut self, parameters: &'static [&'static str]) -> Self {
        self.by = parameters;
        self
    }

    /// Keeps others away for this time from the enqueue on, whether or not the job has ended.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Sets what becomes of a second job.
    #[must_use]
    pub const fn conflict(mut self, conflict: Conflict) -> Self {
        self.conflict = conflict;
        self
    }
}

impl Default for Unique {
    fn default() -> Self {
        Self::new()
    }
}
