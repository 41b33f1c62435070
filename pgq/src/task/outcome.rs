//! What a task may return.

use std::error::Error as StdError;

use super::TaskError;

/// What a task may return: `()`, or a `Result` whose error converts into a boxed error.
///
/// So `anyhow::Error`, `Box<dyn Error + Send + Sync>`, strings and every error type work.
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}`",
    label = "not `()` and not a `Result` with an error that can be reported",
    note = "return `()` or `Result<T, E>` where `T` is serde and `E` is `std::error::Error + Send + Sync`, `anyhow::Error`, or `TaskError`"
)]
pub trait IntoOutcome {
    /// The result that is stored.
    type Ok;

    /// Says how the attempt ended.
    ///
    /// # Errors
    ///
    /// Returns the error of the task.
    fn into_outcome(self) -> Result<Self::Ok, TaskError>;
}

impl IntoOutcome for () {
    type Ok = ();

    fn into_outcome(self) -> Result<(), TaskError> {
        Ok(())
    }
}

impl<T, E: IntoTaskError> IntoOutcome for Result<T, E> {
    type Ok = T;

    fn into_outcome(self) -> Result<T, TaskError> {
        self.map_err(E::into_task_error)
    }
}

/// An error that a task may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "not an error that can be reported",
    note = "implement `std::error::Error` for it and make it `Send + Sync`, or return `anyhow::Error`"
)]
pub trait IntoTaskError {
    /// Turns the error into the form that the runtime keeps.
    fn into_task_error(self) -> TaskError;
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> IntoTaskError for E {
    fn into_task_error(self) -> TaskError {
        let error: Box<dyn StdError + Send + Sync> = self.into();
        match error.downcast::<TaskError>() {
            Ok(own) => *own,
            Err(other) => TaskError::retryable(other),
        }
    }
}
