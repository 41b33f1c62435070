//! [`Unique`].

use std::time::Duration;

use crate::job::{Conflict, DecodeError, NewKey, given_key, parameters_key};

/// Which jobs of a task are the same, so that only one of them is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unique {
    /// The parameters that are compared: by their values as the input has them, byte by byte. So the
    /// order counts in which a map is written, which for a `HashMap` is any. Default: none are named,
    /// which stands for all of them.
    pub by: &'static [&'static str],
    /// For how long after its enqueue a job keeps others away. Default: until it has ended.
    pub within: Option<Duration>,
    /// What becomes of a second job. Default: [`Conflict::Skip`].
    pub conflict: Conflict,
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

impl Unique {
    /// By what the job of `task` with this input is the same as others.
    pub(crate) fn of_input(&self, task: &str, input: &[u8]) -> Result<NewKey, DecodeError> {
        Ok(self.key(parameters_key(task, self.by, input)?))
    }

    /// By what a job of `task` is the same as others that was given a key of its own.
    pub(crate) fn given(&self, task: &str, key: &str) -> NewKey {
        self.key(given_key(task, key))
    }

    fn key(&self, key: Vec<u8>) -> NewKey {
        NewKey {
            key,
            within: self.within,
            conflict: self.conflict,
        }
    }
}

impl Default for Unique {
    fn default() -> Self {
        Self::new()
    }
}
