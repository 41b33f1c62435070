//! [`Error`].

use std::fmt;

use crate::client::{EnqueueError, JobError, ScheduleError};
use crate::contract;
use crate::driver::DriverError;
use crate::task::Problems;

/// Whatever stops a program that uses pgq.
///
/// `main` may return it: its `Debug` is a report for people, with every cause.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something is wrong with the tasks of this binary, or with the settings of the worker.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The database cannot be used.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A job could not be enqueued.
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
    /// The lock file of the contracts cannot be used.
    #[error(transparent)]
    Contract(#[from] contract::Error),
    /// A schedule could not be made or changed.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A job has no result.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// A result of pgq.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.to_string();
        f.write_str(&last)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let message = error.to_string();
            // Errors of other crates often repeat their own cause.
            if !last.contains(&message) {
                write!(f, "\n  caused by: {message}")?;
                last = message;
            }
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use crate::driver::{DriverError, DriverErrorKind};

    #[derive(Debug, thiserror::Error)]
    #[error("connection lost: {0}")]
    struct Repeats(#[source] std::io::Error);

    #[test]
    fn a_report_names_each_cause_once() {
        let cause = Repeats(std::io::Error::other("broken pipe"));
        let error = DriverError::new(DriverErrorKind::Other, "cannot read").with_source(cause);

        let report = format!("{:?}", Error::from(error));

        assert_eq!(
            report,
            "cannot read\n  caused by: connection lost: broken pipe"
        );
    }
}
