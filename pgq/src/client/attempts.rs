//! The history of one job.

use super::{JobError, JobHandle, Reader};
use crate::driver::Attempt;

impl<T> JobHandle<T> {
    /// Returns every attempt to run the job, oldest first: when it began and ended, in which worker,
    /// how it ended, and its error with every cause.
    ///
    /// A failed or cancelled attempt is kept for the time that the option `retain(failed = "…")` of
    /// the task says, the one that completed the job for as long as the job. Requeues do not end the
    /// history: a job that was requeued has the attempts of each time.
    ///
    /// ```no_run
    /// # async fn example(pool: sqlx::PgPool, job: pgq::JobHandle<()>) -> Result<(), pgq::JobError> {
    /// for attempt in job.attempts(&pool).await? {
    ///     println!(
    ///         "{}. at {}, {:?} after {:?}: {}",
    ///         attempt.number,
    ///         attempt.started_at,
    ///         attempt.outcome,
    ///         attempt.duration(),
    ///         attempt.error.as_deref().unwrap_or("no error"),
    ///     );
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::NotFound`] if nothing is left of the job.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn attempts(&self, reader: impl Reader) -> Result<Vec<Attempt>, JobError> {
        let driver = reader.driver();
        let job = self.id();
        let attempts = driver
            .attempts(job)
            .await
            .map_err(|source| JobError::Driver { job, source })?;
        if attempts.is_empty() {
            self.job(&driver).await?;
        }
        Ok(attempts)
    }
}
