//! [`TaskError`].

use std::error::Error as StdError;
use std::fmt;

use super::MissingState;

/// Why an attempt failed.
///
/// A task returns errors of its own; this is what becomes of them.
pub struct TaskError {
    source: Box<dyn StdError + Send + Sync>,
    retry: bool,
}

impl TaskError {
    /// An error after which the job runs again, while it has attempts left.
    pub fn retryable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: error.into(),
            retry: true,
        }
    }

    /// An error that another attempt would meet again: the job is a dead letter at once.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: error.into(),
            retry: false,
        }
    }

    /// Returns `true` if another attempt may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retry
    }

    /// The message of the error and of each of its causes, joined by `: `. A cause that its parent
    /// repeats is named once.
    #[must_use]
    pub fn report(&self) -> String {
        let mut report = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            let message = error.to_string();
            if !report.contains(&message) {
                report.push_str(": ");
                report.push_str(&message);
            }
            cause = error.source();
        }
        report
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError")
            .field("source", &self.source)
            .field("retry", &self.retry)
            .finish()
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// Stands in the place of the error that it was made from.
impl StdError for TaskError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

impl From<MissingState> for TaskError {
    fn from(error: MissingState) -> Self {
        Self::permanent(error)
    }
}
