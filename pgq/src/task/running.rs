//! [`Running`]: an attempt of a task, until it has an outcome.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::BoxFuture;

use super::TaskError;

/// The attempt of a task whose fn returns `R`. Used by generated code.
///
/// It is neither an `async` block, of which each task would have its own, nor does it know the type of
/// what the fn returned: so it is compiled for every type of outcome only.
#[must_use = "a task does nothing until it is polled"]
pub struct Running<'a, R, T> {
    begun: Begun<'a, R, T>,
}

enum Begun<'a, R, T> {
    /// The fn is called; how it ended, the other fn says.
    Task(BoxFuture<'a, R>, fn(R) -> Result<T, TaskError>),
    /// It cannot be called; `None` once that is told.
    Failed(Option<TaskError>),
}

impl<'a, R, T> Running<'a, R, T> {
    pub(crate) fn new(task: BoxFuture<'a, R>, outcome: fn(R) -> Result<T, TaskError>) -> Self {
        let begun = Begun::Task(task, outcome);
        Self { begun }
    }

    /// An attempt that fails without calling the fn.
    pub fn failed(error: impl Into<TaskError>) -> Self {
        let begun = Begun::Failed(Some(error.into()));
        Self { begun }
    }
}

impl<R, T> Future for Running<'_, R, T> {
    type Output = Result<T, TaskError>;

    fn poll(
        self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Result<T, TaskError>> {
        match &mut self.get_mut().begun {
            Begun::Task(task, outcome) => task.as_mut().poll(context).map(*outcome),
            Begun::Failed(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}

impl<R, T> fmt::Debug for Running<'_, R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
