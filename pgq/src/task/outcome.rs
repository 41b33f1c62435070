//! What a task may return.

use std::convert::Infallible;
use std::error::Error as StdError;

use super::TaskError;

/// What a task may return: `()`, or a `Result` whose error converts into a boxed error.
///
/// So `anyhow::Error`, `Box<dyn Error + Send + Sync>`, strings and every error type work.
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}`",
    label = "neither `()` nor a `Result`",
    note = "return `()`, or a `Result`, such as `Result<{Self}, anyhow::Error>`"
)]
pub trait IntoOutcome {
    /// The result that is stored.
    type Ok;

    /// The error that a task fails with.
    ///
    /// What it must be is asked of [`into_outcome`](Self::into_outcome) only: so a type that is
    /// not an error is reported once, and not wherever `Ok` is named.
    type Error;

    /// Says how the attempt ended.
    ///
    /// # Errors
    ///
    /// Returns the error of the task.
    fn into_outcome(self) -> Result<Self::Ok, TaskError>
    where
        Self::Error: IntoTaskError;
}

impl IntoOutcome for () {
    type Ok = ();
    type Error = Infallible;

    fn into_outcome(self) -> Result<(), TaskError> {
        Ok(())
    }
}

impl<T, E> IntoOutcome for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn into_outcome(self) -> Result<T, TaskError>
    where
        E: IntoTaskError,
    {
        self.map_err(E::into_task_error)
    }
}

/// An error that a task may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "not an error that can be reported",
    note = "implement `std::error::Error` for it and make it `Send + Sync`, or return `anyhow::Error` or `pgq::TaskError`"
)]
pub trait IntoTaskError {
    /// Turns the error into the form that the runtime keeps.
    fn into_task_error(self) -> TaskError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Box<dyn StdError + Send + Sync>>> IntoTaskError for E {
    fn into_task_error(self) -> TaskError {
        TaskError::of(self.into())
    }
}
