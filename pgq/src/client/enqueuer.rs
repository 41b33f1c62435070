//! [`Enqueuer`] and [`Reader`]: what jobs can be enqueued through, and looked at.

use std::future::Future;
use std::sync::Arc;

use super::INPUT_MAX_DEFAULT;
use crate::driver::{
    Driver, DriverError, DriverErrorKind, Enqueue, EnqueueNamed, EnqueuedNamed, KeyedJobs,
};
use crate::job::JobId;

/// Something that jobs can be enqueued through: a pool, a connection, or a transaction that is
/// open. In a transaction the jobs are enqueued when, and only when, it commits.
#[diagnostic::on_unimplemented(
    message = "jobs cannot be enqueued through `{Self}`",
    label = "not a pool, connection or transaction of pgq",
    note = "pass `&pool`, `&mut *connection`, `&mut *transaction` or a `&Pgq`"
)]
pub trait Enqueuer: Send {
    /// Adds the jobs, and returns their ids in their order.
    ///
    /// # Errors
    ///
    /// On an error no job is added.
    fn enqueue(
        self,
        enqueue: Enqueue,
    ) -> impl Future<Output = Result<Vec<JobId>, DriverError>> + Send;

    /// Adds those of the jobs that are not the same as others; each has a
    /// [`NewKey`](crate::driver::NewKey). See [`Driver::enqueue_unique`]. Unless it is implemented, jobs
    /// with keys are refused.
    ///
    /// # Errors
    ///
    /// On an error no job is added.
    fn enqueue_unique(
        self,
        enqueue: Enqueue,
    ) -> impl Future<Output = Result<KeyedJobs, DriverError>> + Send
    where
        Self: Sized,
    {
        let problem = format!(
            "jobs of task `{}` are unique, which this enqueuer does not know how to keep",
            enqueue.task
        );
        std::future::ready(Err(DriverError::new(DriverErrorKind::Other, problem)))
    }

    /// Adds a job of a task that is known by its name only, and says what became of it. Unless it is implemented,
    /// such jobs are refused.
    ///
    /// # Errors
    ///
    /// On an error no job is added, and an open transaction cannot commit any more.
    fn enqueue_named(
        self,
        enqueue: EnqueueNamed,
    ) -> impl Future<Output = Result<EnqueuedNamed, DriverError>> + Send
    where
        Self: Sized,
    {
        let problem = format!(
            "task `{}` is known by its name only, by which this enqueuer does not find it",
            enqueue.task
        );
        let error = DriverError::new(DriverErrorKind::Other, problem)
            .with_advice("enqueue through a pool, a connection or a transaction");
        std::future::ready(Err(error))
    }

    /// The largest input that may be enqueued, in bytes, for tasks that do not say so themselves.
    /// Whatever it says, [`INPUT_MAX`](crate::INPUT_MAX) is the limit.
    fn input_max(&self) -> usize {
        INPUT_MAX_DEFAULT
    }
}

/// Something that jobs can be looked at through. Not a transaction, which would not see what
/// happens to a job after it began.
#[diagnostic::on_unimplemented(
    message = "jobs cannot be looked at through `{Self}`",
    label = "not a pool or driver of pgq",
    note = "pass `&pool` or a `&Pgq`"
)]
pub trait Reader: Send {
    /// The driver to read with.
    fn driver(&self) -> Arc<dyn Driver>;
}

impl Enqueuer for &Arc<dyn Driver> {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        Driver::enqueue(&**self, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        Driver::enqueue_unique(&**self, enqueue).await
    }
}

impl Reader for &Arc<dyn Driver> {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::clone(self)
    }
}
