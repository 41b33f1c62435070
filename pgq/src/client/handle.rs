//! [`JobHandle`].

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};

use super::waiting::Seat;
use super::{JobError, Reader};
use crate::driver::{Cancellation, Driver, DriverErrorKind, Progress};
use crate::job::{DecodeError, Enqueued, Input, Job, JobId, JobState, decode_value};
use crate::logs::AttemptLog;

/// A job that was enqueued, and whose result is a `T`.
///
/// It is little more than the id of the job, so it can be kept and sent: [`JobHandle::from_id`] makes it
/// again.
pub struct JobHandle<T> {
    id: JobId,
    enqueued: Enqueued,
    result: PhantomData<fn() -> T>,
}

/// The first pause between two looks at a job that has not ended.
const POLL_MIN: Duration = Duration::from_millis(5);
/// The longest pause between two looks while nobody is told of jobs that end.
const POLL_MAX: Duration = Duration::from_millis(250);
/// The pause between two looks of one who will be told. It finds out that a job has been pruned.
const POLL_TOLD: Duration = Duration::from_secs(15);

impl<T> JobHandle<T> {
    pub(crate) const fn new(id: JobId, enqueued: Enqueued) -> Self {
        Self {
            enqueued,
            ..Self::from_id(id)
        }
    }

    /// Makes the handle of a job from its id. `T` must be the result of its task.
    #[must_use]
    pub const fn from_id(id: JobId) -> Self {
        Self {
            id,
            enqueued: Enqueued::Existing,
            result: PhantomData,
        }
    }

    /// The number of the job.
    #[must_use]
    pub const fn id(&self) -> JobId {
        self.id
    }

    /// What became of the enqueue that returned the handle: if its job was the same as another one, this
    /// is the handle of that one. A handle that was made from an id is that of an existing job.
    #[must_use]
    pub const fn enqueued(&self) -> Enqueued {
        self.enqueued
    }

    /// Returns `true` if the enqueue that returned the handle has added the job, and no other one was
    /// there that is the same.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self.enqueued, Enqueued::New)
    }

    /// Returns the state that the job is in.
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::NotFound`] if there is no such job, for instance because its
    /// transaction has not committed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn status(&self, reader: impl Reader) -> Result<JobState, JobError> {
        Ok(self.job(reader).await?.state)
    }

    /// Returns what the job's task reported last, with [`Context::progress`](crate::Context::progress);
    /// `None` if it has not, or there is no such job.
    ///
    /// # Errors
    ///
    /// Fails if the storage does.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn progress(&self, reader: impl Reader) -> Result<Option<Progress>, JobError> {
        let job = self.id;
        let found = reader.driver().progress(job).await;
        found.map_err(|source| JobError::Driver { job, source })
    }

    /// Returns everything that is stored of the job.
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::NotFound`] if there is no such job.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn job(&self, reader: impl Reader) -> Result<Job, JobError> {
        find(&*reader.driver(), self.id).await
    }
}

impl<T> JobHandle<T> {
    /// Reads the input that the job was enqueued with, as an `I`: the input of its task, or something that
    /// takes any map, such as `serde_json::Value`.
    ///
    /// All of it is read. What the task keeps out of errors as `#[secret]` is stored as everything else is, and
    /// nothing that is stored says which of the values are.
    ///
    /// ```no_run
    /// # async fn example(job: pgq::JobHandle<()>, pool: sqlx::PgPool) -> Result<(), pgq::JobError> {
    /// let input: serde_json::Value = job.input(&pool).await?;
    /// println!("{input}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::NotFound`] if there is no such job, and with [`JobError::Input`] if its input is
    /// no `I`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn input<I: Input>(&self, reader: impl Reader) -> Result<I, JobError> {
        let job = self.id;
        let input = reader.driver().input(job).await;
        let input = input.map_err(|source| JobError::Driver { job, source })?;
        let input = input.ok_or(JobError::NotFound { job })?;
        I::decode(&input).map_err(|source| JobError::Input { job, source })
    }
}

impl<T> JobHandle<T> {
    /// Cancels the job, wherever it is. One that waits ends at once. One that runs is told through
    /// [`Context::cancelled`](crate::Context::cancelled), within a poll interval of its worker and at
    /// once as a rule, and ends as cancelled whatever it returns, unless it ends before it is told.
    ///
    /// The request is stored: if the worker dies, or the attempt is given back or would be tried
    /// again, the job ends as cancelled instead. A job that ends so, or while it waits, is kept for a
    /// day, whatever its task says.
    ///
    /// ```no_run
    /// # use pgq::driver::Cancellation;
    /// # async fn example(job: pgq::JobHandle<()>, pool: sqlx::PgPool) -> Result<(), pgq::JobError> {
    /// match job.cancel(&pool).await? {
    ///     Cancellation::Cancelled => println!("it will not run"),
    ///     Cancellation::Requested => println!("it runs, and is told to end"),
    ///     Cancellation::AlreadyFinished(state) => println!("too late: {state}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::NotFound`] if there is no such job, for instance because its
    /// transaction has not committed, and with [`JobError::Contended`] if somebody keeps it locked.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have cancelled the job; calling it again does no harm.
    pub async fn cancel(&self, reader: impl Reader) -> Result<Cancellation, JobError> {
        let job = self.id;
        let cancelled = reader.driver().cancel(job).await;
        let cancelled = cancelled.map_err(|source| match source.kind() {
            DriverErrorKind::Conflict => JobError::Contended { job },
            _ => JobError::Driver { job, source },
        });
        cancelled?.ok_or(JobError::NotFound { job })
    }
}

impl<T> JobHandle<T> {
    /// Returns what the task has logged in each attempt of the job, oldest first, as far as it was
    /// captured; see [`logs`](crate::logs).
    ///
    /// # Errors
    ///
    /// Returns the error of the storage. Of a job that does not exist nothing was logged.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn logs(&self, reader: impl Reader) -> Result<Vec<AttemptLog>, JobError> {
        let job = self.id;
        let logs = reader.driver().logs(job).await;
        logs.map_err(|source| JobError::Driver { job, source })
    }
}

impl<T: DeserializeOwned> JobHandle<T> {
    /// Waits until the job has ended, however long that takes, and returns its result.
    ///
    /// It is told of the end: however many wait, on one database a process listens on one connection of
    /// its own, beside those of the pool. While it has none, and behind a pooler that keeps it from
    /// listening, the storage is asked now and then.
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::Failed`] and its like if the job ended without a result, and with
    /// [`JobError::ResultPruned`] if its result was kept for a shorter time than the job.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn wait(&self, reader: impl Reader) -> Result<T, JobError> {
        self.wait_until(&reader.driver(), None).await
    }

    /// Waits until the job has ended, at most for `timeout`, and returns its result.
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::DeadlineExceeded`] if the job has not ended by then, and like
    /// [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the call only looks.
    pub async fn wait_for(&self, reader: impl Reader, timeout: Duration) -> Result<T, JobError> {
        // None is so far away that it never comes.
        let deadline = Instant::now().checked_add(timeout);
        self.wait_until(&reader.driver(), deadline).await
    }

    /// Decodes the result of a completed job, as [`Job::result`] and the column `result` of the
    /// view `job` hold it; for a query of your own that reads the results of many jobs at once.
    ///
    /// # Errors
    ///
    /// Fails if it is not a `T`, and with [`DecodeError::Absent`] if there is none: it was pruned,
    /// unless `T` is `()`, which is never stored.
    pub fn decode(result: Option<&[u8]>) -> Result<T, DecodeError> {
        /// `()`, as MessagePack.
        const UNIT: &[u8] = &[1, 0xc0];

        match result {
            Some(result) => decode_value(result),
            // A type of one value. Every other result is stored, `None` and the like included, so
            // nothing stored means that it is gone.
            None if size_of::<T>() == 0 => decode_value(UNIT),
            None => Err(DecodeError::Absent),
        }
    }

    pub(super) async fn wait_until(
        &self,
        driver: &Arc<dyn Driver>,
        deadline: Option<Instant>,
    ) -> Result<T, JobError> {
        let mut seat = None;
        let mut pause = POLL_MIN;
        loop {
            let job = find(&**driver, self.id).await?;
            if job.state.is_finished() {
                return result(job);
            }
            let Some(seat) = seat.as_ref().filter(|seat: &&Seat| !seat.is_over()) else {
                // It may have ended since.
                seat = Some(Seat::take(driver, self.id));
                continue;
            };
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(JobError::DeadlineExceeded { job: self.id });
            }
            let next = now + if seat.is_told() { POLL_TOLD } else { pause };
            tokio::select! {
                () = seat.finished() => {}
                () = sleep_until(deadline.map_or(next, |deadline| deadline.min(next))) => {}
            }
            pause = (pause * 2).min(POLL_MAX);
        }
    }
}

pub(super) async fn find(driver: &dyn Driver, job: JobId) -> Result<Job, JobError> {
    driver
        .find(job)
        .await
        .map_err(|source| JobError::Driver { job, source })?
        .ok_or(JobError::NotFound { job })
}

/// The result of a job that has ended.
fn result<T: DeserializeOwned>(job: Job) -> Result<T, JobError> {
    let id = job.id;
    match job.state {
        JobState::Completed => {
            JobHandle::decode(job.result.as_deref()).map_err(|source| match source {
                DecodeError::Absent => JobError::ResultPruned { job: id },
                source => JobError::Decode { job: id, source },
            })
        }
        JobState::Cancelled => Err(JobError::Cancelled {
            job: id,
            reason: job.error,
        }),
        JobState::Expired => Err(JobError::Expired { job: id }),
        _ => Err(JobError::Failed {
            job: id,
            attempts: job.attempt,
            error: job.error.unwrap_or_default(),
        }),
    }
}

impl<T> Clone for JobHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for JobHandle<T> {}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobHandle").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_is_not_stored_is_the_unit_or_was_pruned() {
        assert!(JobHandle::<()>::decode(None).is_ok());
        assert_eq!(JobHandle::<u8>::decode(Some(&[1, 7])).unwrap(), 7);
        // Its `None` reads like `()`, but is stored.
        assert!(matches!(
            JobHandle::<Option<u8>>::decode(None),
            Err(DecodeError::Absent)
        ));
        assert_eq!(
            JobHandle::<Option<u8>>::decode(Some(&[1, 0xc0])).unwrap(),
            None
        );
    }
}
