//! What a [`Pgq`] tells the workers of a fleet.

use super::Pgq;
use crate::client::JobHandle;
use crate::driver::{Cancellation, Driver, Pausable, Pause};
use crate::error::Result;
use crate::job::JobId;

/// Pausing. A pause holds for every worker of the database, those that start later included, until
/// it is ended. It is a row: a worker finds it within its
/// [poll interval](crate::Run::poll_interval), at once as a rule, and before its first claim.
///
/// Nothing paused is lost. Jobs are enqueued, become due and wait as before; those that a worker has
/// claimed and not yet started go back, and those that run end as they would have. A worker that
/// ends by itself ([`Run::until_idle`](crate::Run::until_idle)) takes them for not there.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> pgq::Result<()> {
/// let pgq = pgq::Pgq::from_pool(pool);
/// pgq.pause_queue("mail").await?;
/// // The mail server is repaired.
/// pgq.resume_queue("mail").await?;
/// # Ok(())
/// # }
/// ```
impl Pgq {
    /// Lets workers start no more jobs of a queue. Returns `false` if it was paused already. A queue
    /// need not have jobs, or be served, to be paused.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have paused the queue; calling it again does no harm.
    pub async fn pause_queue(&self, queue: impl Into<String>) -> Result<bool> {
        Ok(self.driver.pause(&Pausable::Queue(queue.into())).await?)
    }

    /// Lets workers start the jobs of a queue again. Returns `false` if it was not paused. Jobs of
    /// tasks that are paused stay where they are.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have ended the pause; calling it again does no harm.
    pub async fn resume_queue(&self, queue: impl Into<String>) -> Result<bool> {
        Ok(self.driver.resume(&Pausable::Queue(queue.into())).await?)
    }

    /// Lets workers start no more jobs of a task, in whatever queue they are. Returns `false` if it
    /// was paused already.
    ///
    /// `task` is its name. Jobs that wait under an alias of the task are left by the workers that
    /// know it as one.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have paused the task; calling it again does no harm.
    pub async fn pause_task(&self, task: impl Into<String>) -> Result<bool> {
        Ok(self.driver.pause(&Pausable::Task(task.into())).await?)
    }

    /// Lets workers start the jobs of a task again. Returns `false` if it was not paused. Jobs in
    /// queues that are paused stay where they are.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have ended the pause; calling it again does no harm.
    pub async fn resume_task(&self, task: impl Into<String>) -> Result<bool> {
        Ok(self.driver.resume(&Pausable::Task(task.into())).await?)
    }

    /// Lists what is paused: queues first, each kind by name.
    ///
    /// # Errors
    ///
    /// Returns the error of the database.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn paused(&self) -> Result<Vec<Pause>> {
        Ok(self.driver.pauses().await?)
    }
}

/// Cancelling.
impl Pgq {
    /// Cancels a job, wherever it is: [`JobHandle::cancel`] for a job of which only the number is
    /// known.
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::NotFound`](crate::JobError::NotFound) if there is no such job.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have cancelled the job; calling it again does no harm.
    pub async fn cancel(&self, job: JobId) -> Result<Cancellation> {
        Ok(JobHandle::<()>::from_id(job).cancel(self).await?)
    }
}
