//! Changing jobs: requeue, cancel, delete, reschedule.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{ChangeError, JobError, JobHandle, Jobs, Reader};
use crate::driver::{Cancellation, Driver, DriverError, DriverErrorKind, Position, Start};
use crate::job::{Job, JobId, JobState};
use crate::queue::DELAY_MAX;

/// How many jobs are changed in one transaction.
const BATCH: usize = 500;

/// How many jobs are cancelled at once, of a batch.
const CANCELS_MAX: usize = 4;

/// How often a job is looked at again that changed its state between the look and the change, or that
/// somebody has locked: for five seconds.
const TRIES: usize = 10;

/// The first pause between two looks; each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(5);

/// What a call did that changes many jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// How many jobs were changed.
    pub changed: usize,
    /// How many jobs were found and left as they are, because they changed their state meanwhile.
    pub left: usize,
    /// Where to go on; `None` if every job has been looked at. Only a call with a
    /// [`limit`](Jobs::limit) ends before that.
    pub next: Option<Position>,
}

/// What is to become of jobs.
#[derive(Clone, Copy, Debug)]
enum Change {
    Requeue,
    Cancel,
    Delete,
    Reschedule(Start),
}

impl Change {
    /// Whether it can be done to jobs of this state.
    const fn admits(self, state: JobState) -> bool {
        match self {
            Self::Requeue => state.is_finished() && !matches!(state, JobState::Completed),
            Self::Cancel => !state.is_finished(),
            Self::Delete => !matches!(state, JobState::Running),
            Self::Reschedule(_) => matches!(state, JobState::Scheduled | JobState::Ready),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Requeue => "requeued",
            Self::Cancel => "cancelled",
            Self::Delete => "deleted",
            Self::Reschedule(_) => "rescheduled",
        }
    }

    /// Which states it can be done to, for people.
    const fn admitted(self) -> &'static str {
        match self {
            Self::Requeue => "failed, cancelled or expired",
            Self::Cancel => "scheduled, ready or running",
            Self::Delete => "not running; cancel it first",
            Self::Reschedule(_) => "scheduled or ready",
        }
    }

    /// The longest delay, if this one is longer.
    fn delay_exceeded(self) -> Option<Duration> {
        match self {
            Self::Reschedule(Start::After(delay)) if delay > DELAY_MAX => Some(DELAY_MAX),
            _ => None,
        }
    }

    /// Whether the job is as it is to be.
    const fn is_done(self, state: JobState) -> bool {
        matches!(
            (self, state),
            (Self::Reschedule(Start::Now), JobState::Ready)
        )
    }

    async fn apply(self, driver: &dyn Driver, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
        match self {
            Self::Requeue => driver.requeue(jobs).await,
            Self::Cancel => cancel(driver, jobs).await,
            Self::Delete => driver.delete(jobs).await,
            Self::Reschedule(start) => driver.reschedule(jobs, start).await,
        }
    }
}

/// Cancels each job by itself: what becomes of it depends on where it is at that moment.
async fn cancel(driver: &dyn Driver, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
    // With their types erased: behind a closure the compiler could not tell that they are `Send`.
    let cancels: Vec<BoxFuture<'_, _>> = jobs
        .iter()
        .map(|job| cancel_one(driver, job.id).boxed())
        .collect();
    let cancelled = stream::iter(cancels).buffer_unordered(CANCELS_MAX);
    let cancelled: Vec<Option<JobId>> = cancelled.try_collect().await?;
    Ok(cancelled.into_iter().flatten().collect())
}

/// Returns the job if it is cancelled, or is going to be.
async fn cancel_one(driver: &dyn Driver, job: JobId) -> Result<Option<JobId>, DriverError> {
    match driver.cancel(job).await {
        Ok(Some(Cancellation::Cancelled | Cancellation::Requested)) => Ok(Some(job)),
        Ok(_) => Ok(None),
        // Somebody keeps it locked for longer than a change waits.
        Err(error) if error.kind() == DriverErrorKind::Conflict => Ok(None),
        Err(error) => Err(error),
    }
}

/// Each of these looks at the jobs page by page and changes them in batches of 500, each in a
/// transaction of its own. So there is no long transaction,
/// however many jobs there are. A job that changed between the look and the change is left alone, and so is one
/// that somebody keeps locked, as a task does that completes its job in a long transaction. A
/// call that failed or was dropped has changed whole batches; call it again for the others.
///
/// A batch costs as much as its page, and about 0.1 ms of the server for each job.
impl Jobs {
    /// Makes the jobs ready again, which must be failed, cancelled or expired ones: dead letters.
    ///
    /// Each goes to the end of its line, with all of its attempts and no deaths. What is known of its
    /// earlier attempts is kept; see [`JobHandle::attempts`]. One that had expired does not expire
    /// again. A unique job gave its key up when it ended, and runs without it: another one that is
    /// the same may be waiting or running beside it.
    ///
    /// ```no_run
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
    /// use pgq::{JobState, Jobs};
    ///
    /// let requeued = Jobs::in_state(JobState::Failed)
    ///     .task("send_email")
    ///     .requeue(&pool)
    ///     .await?;
    /// println!("{} jobs run again", requeued.changed);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with [`ChangeError::State`] before anything is changed if jobs of this state cannot be
    /// requeued. A job that completed cannot: enqueue another one.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has changed whole batches.
    pub async fn requeue(&self, reader: impl Reader) -> Result<Changes, ChangeError> {
        self.change(&*reader.driver(), Change::Requeue).await
    }

    /// Cancels the jobs, which must be scheduled, ready or running ones. Those that wait end at once;
    /// of those that run, their workers are told: see [`JobHandle::cancel`].
    ///
    /// Each job is cancelled by itself, at a cost of a few statements.
    ///
    /// # Errors
    ///
    /// Fails with [`ChangeError::State`] before anything is changed if the jobs have ended.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has cancelled some of the jobs; calling it again cancels the others.
    pub async fn cancel(&self, reader: impl Reader) -> Result<Changes, ChangeError> {
        self.change(&*reader.driver(), Change::Cancel).await
    }

    /// Deletes the jobs, with their inputs, results and history. Running jobs cannot be deleted.
    ///
    /// # Errors
    ///
    /// Fails with [`ChangeError::State`] before anything is changed if the jobs are running ones.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has changed whole batches.
    pub async fn delete(&self, reader: impl Reader) -> Result<Changes, ChangeError> {
        self.change(&*reader.driver(), Change::Delete).await
    }

    /// Lets the jobs start at another time, which must be scheduled or ready ones: by
    /// [`Start::Now`], after a time from now, or at a time of the database's clock. One that has
    /// passed means now.
    ///
    /// A ready job that is to start now stays as it is, and is not counted. One that expires does so at
    /// the same time as before: to start it later than that is to let it expire. One that has not been
    /// started and waits in the order of a key, or for one, comes to it anew at its new time, and others
    /// go before it; one that is to be tried again keeps its place, and they wait.
    ///
    /// # Errors
    ///
    /// Fails before anything is changed: with [`ChangeError::State`] if jobs of this state cannot be
    /// rescheduled, with [`ChangeError::Delay`] if the time is longer than a job can be delayed.
    ///
    /// # Cancel safety
    ///
    /// A dropped call has changed whole batches.
    pub async fn reschedule(
        &self,
        reader: impl Reader,
        start: Start,
    ) -> Result<Changes, ChangeError> {
        self.change(&*reader.driver(), Change::Reschedule(start))
            .await
    }

    async fn change(&self, driver: &dyn Driver, change: Change) -> Result<Changes, ChangeError> {
        let mut listing = self.listing(BATCH);
        listing.results = false;
        if change.is_done(listing.state) {
            return Ok(Changes::default());
        }
        if !change.admits(listing.state) {
            return Err(ChangeError::State {
                state: listing.state,
                change: change.name(),
                admitted: change.admitted(),
            });
        }
        if let Some(max) = change.delay_exceeded() {
            return Err(ChangeError::Delay { max });
        }
        let failed = |source| ChangeError::Driver {
            change: change.name(),
            source,
        };
        let mut room = self.limit_of_changes().unwrap_or(usize::MAX);
        let mut changes = Changes::default();
        loop {
            listing.limit = room.min(BATCH);
            let page = driver.list(&listing).await.map_err(failed)?;
            let changed = match page.jobs[..] {
                [] => 0,
                ref jobs => change.apply(driver, jobs).await.map_err(failed)?.len(),
            };
            changes.changed += changed;
            changes.left += page.jobs.len() - changed;
            room -= page.jobs.len();
            changes.next = page.next;
            listing.after = page.next;
            if room == 0 || page.next.is_none() {
                return Ok(changes);
            }
        }
    }
}

impl<T> JobHandle<T> {
    /// Makes the job ready again, if it failed, expired or was cancelled: it goes to the end of its
    /// line, with all of its attempts. See [`Jobs::requeue`].
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::State`] if it has not ended, or completed, with [`JobError::NotFound`], and with
    /// [`JobError::Contended`] if somebody keeps it locked.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have requeued the job.
    pub async fn requeue(&self, reader: impl Reader) -> Result<(), JobError> {
        change_one(&*reader.driver(), self.id(), Change::Requeue).await
    }

    /// Deletes the job with its input, its result and its history, unless it runs.
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::State`] if it runs, with [`JobError::NotFound`], and with
    /// [`JobError::Contended`] if somebody keeps it locked.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have deleted the job.
    pub async fn delete(&self, reader: impl Reader) -> Result<(), JobError> {
        change_one(&*reader.driver(), self.id(), Change::Delete).await
    }

    /// Lets the job start at another time, if it is scheduled or ready. See [`Jobs::reschedule`].
    ///
    /// ```no_run
    /// # async fn example(pool: sqlx::PgPool, job: pgq::JobHandle<()>) -> Result<(), pgq::JobError> {
    /// // It waits for its next attempt, and need not.
    /// job.reschedule(&pool, pgq::Start::Now).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with [`JobError::State`] if it runs or has ended, with [`JobError::Delay`] if the time is
    /// longer than a job can be delayed, with [`JobError::NotFound`], and with [`JobError::Contended`] if
    /// somebody keeps it locked.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have rescheduled the job.
    pub async fn reschedule(&self, reader: impl Reader, start: Start) -> Result<(), JobError> {
        change_one(&*reader.driver(), self.id(), Change::Reschedule(start)).await
    }
}

/// Looks at the job and changes it if it is still as it was then, until one of both says no.
async fn change_one(driver: &dyn Driver, job: JobId, change: Change) -> Result<(), JobError> {
    if let Some(max) = change.delay_exceeded() {
        return Err(JobError::Delay { job, max });
    }
    let (mut tries, mut pause) = (0, PAUSE_MIN);
    loop {
        let seen = super::handle::find(driver, job).await?;
        let state = seen.state;
        if change.is_done(state) {
            return Ok(());
        }
        if !change.admits(state) {
            return Err(JobError::State {
                job,
                state,
                change: change.name(),
                admitted: change.admitted(),
            });
        }
        if tries == TRIES {
            return Err(JobError::Contended { job });
        }
        let changed = change.apply(driver, &[seen]).await;
        if !changed
            .map_err(|source| JobError::Change {
                job,
                change: change.name(),
                source,
            })?
            .is_empty()
        {
            return Ok(());
        }
        tries += 1;
        // Somebody has it, for a moment as a rule.
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
