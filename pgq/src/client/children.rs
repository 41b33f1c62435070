//! Jobs that the attempt of another job enqueues.

use super::send::follow_current_span;
use super::{EnqueueError, Enqueuer, INPUT_MAX_DEFAULT, JobBuilder};
use crate::driver::{DriverError, DriverErrorKind, Enqueue, KeyedJobs};
use crate::job::JobId;
use crate::task::{Context, Task};

impl Context {
    /// Enqueues another job if, and only if, this one completes: in the transaction that completes
    /// it, so that a crash cannot come between them. An attempt that fails enqueues nothing, and so
    /// does one whose job was taken from its worker.
    ///
    /// One that is unique and the same as another is not added: with `Conflict::Raise` too, since nobody
    /// is there any more to be told.
    ///
    /// May be called several times. The jobs are children of this one: see
    /// [`parent`](Self::parent). What is enqueued through `&Context` as an [`Enqueuer`] is a child as
    /// well, and is there at once, whatever becomes of the attempt.
    ///
    /// ```
    /// # #[pgq::task]
    /// # async fn notify(order: i64) { let _ = order; }
    /// #[pgq::task]
    /// async fn ship(ctx: &pgq::Context, order: i64) -> anyhow::Result<()> {
    ///     ctx.then(notify::job(order).priority(5))?;
    ///     // …
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`EnqueueError`]: input that cannot be written and options out of range are found here. Also
    /// fails once the attempt has been completed in a transaction, once the task has returned or nobody
    /// waits for it any more, and in a context that is of no single job.
    pub fn then<T: Task>(&self, job: JobBuilder<T>) -> Result<(), EnqueueError> {
        let invalid = |problem: &str| EnqueueError::Invalid {
            task: T::NAME,
            problem: problem.to_owned(),
        };
        let mut enqueue = job.into_request(INPUT_MAX_DEFAULT)?;
        follow_current_span(&mut enqueue);
        self.add_child(self.as_child(enqueue)).map_err(invalid)
    }
}

/// What is enqueued is a child of the job: it knows its [`parent`](Context::parent) and
/// [`root`](Context::root), and it is enqueued at once, whatever becomes of the attempt. An attempt
/// whose job was taken from its worker can enqueue nothing; the error is
/// [`DriverErrorKind::Fenced`](crate::driver::DriverErrorKind::Fenced).
impl Enqueuer for &Context {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let enqueued = self.enqueue_child(enqueue).await?;
        Ok(enqueued.added())
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        self.enqueue_child(enqueue).await
    }
}

impl Context {
    async fn enqueue_child(&self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        let attempt = self.own();
        let Some(host) = &attempt.host else {
            let problem = "this context is not of one job, so it cannot enqueue others";
            return Err(DriverError::new(DriverErrorKind::Other, problem)
                .with_advice("enqueue through a pool"));
        };
        // It would wait for the transaction, which waits for the task.
        if attempt.completing.was_tried() {
            let problem =
                "the attempt was completed in a transaction before, so it enqueues nothing";
            return Err(DriverError::new(DriverErrorKind::Other, problem)
                .with_advice("enqueue in that transaction, or before it completes the attempt"));
        }
        let child = self.as_child(enqueue);
        let driver = host.driver();
        let enqueued = driver.enqueue_held(host.worker(), attempt.job, attempt.claim, child);
        enqueued.await?.ok_or_else(|| {
            let job = attempt.job;
            let problem =
                format!("job {job} is not held by this attempt any more, so it enqueues nothing");
            DriverError::new(DriverErrorKind::Fenced, problem)
        })
    }
}
