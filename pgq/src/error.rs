//! [`Error`].

use std::fmt;

use crate::client::{EnqueueError, JobError};
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
    /// A job has no result.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// A result of pgq.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
