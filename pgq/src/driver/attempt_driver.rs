//! [`AttemptDriver`].

use async_trait::async_trait;

use super::{
    Completion, DeclaredTask, Described, Description, DriverError, Enqueue, HeldInput, Hold,
    KeyedJobs, NewProgress, Progress, WorkerId,
};
use crate::job::JobId;

/// The part of a [`Driver`](super::Driver) that is for single attempts: what they are, hold, enqueue and
/// report. What they write is fenced by the claim under which an attempt holds its job.
#[async_trait]
pub trait AttemptDriver {
    /// Notes that a worker is about to run a [suspect](crate::driver::Marks::SUSPECT), and no other suspect
    /// until this one has ended: the job that is to blame if the worker dies. Returns `false` if the
    /// worker has been rescued.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn try_suspect(&self, worker: WorkerId, job: JobId) -> Result<bool, DriverError>;

    /// Says what jobs of these tasks are whose enqueuer knows but a name, whatever was said before.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn declare_tasks(&self, tasks: &[DeclaredTask]) -> Result<(), DriverError>;

    /// Gives a job the keys that its enqueuer could not make: from now on it is no more
    /// [unread](crate::driver::Marks::UNREAD). If it is the same as another, nothing is changed.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage; nothing is changed then.
    async fn describe(&self, description: Description) -> Result<Described, DriverError>;

    /// Says whether a worker still holds a job under a claim. Does not wait for a transaction that is
    /// about to end the attempt.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn hold(&self, worker: WorkerId, job: JobId, claim: i64) -> Result<Hold, DriverError>;

    /// Ends a job with its result and adds others, in one transaction. Returns `false` if the worker
    /// does not hold the job under the claim that is named: then nothing is added, as when it is
    /// called again.
    ///
    /// # Errors
    ///
    /// On an error both have happened, or neither has.
    async fn complete_and_enqueue(
        &self,
        worker: WorkerId,
        completion: &Completion,
        children: &[Enqueue],
    ) -> Result<bool, DriverError>;

    /// Adds jobs as [`enqueue_unique`](super::Driver::enqueue_unique) does, if the worker holds a job under that claim, which
    /// cannot be taken from it meanwhile; `None` if it does not, and then nothing is added.
    ///
    /// # Errors
    ///
    /// On an error no job is added.
    async fn enqueue_held(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        enqueue: Enqueue,
    ) -> Result<Option<KeyedJobs>, DriverError>;

    /// Keeps what an attempt reports, in the place of what it or an earlier one did, if the worker holds
    /// the job under that claim; returns whether it does.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn set_progress(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        progress: &NewProgress,
    ) -> Result<bool, DriverError>;

    /// Returns what an attempt of a job reported last; `None` if none has. Kept as long as the job is.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn progress(&self, job: JobId) -> Result<Option<Progress>, DriverError>;

    /// Reads inputs that are kept apart from their jobs, each named with the claim under which this
    /// worker holds the job. What it does not hold under that claim is left out of the answer.
    ///
    /// An input is kept apart if it has more than [`INPUT_INLINE_MAX`](crate::INPUT_INLINE_MAX)
    /// bytes. It is written once, by the enqueue, and stays where it is through every change of its
    /// job's state.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn inputs(
        &self,
        worker: WorkerId,
        jobs: &[(JobId, i64)],
    ) -> Result<Vec<HeldInput>, DriverError>;

    /// Keeps claims of this worker from taking jobs if their numbers are below `from`. When it returns, what
    /// such claims have taken is among the jobs that are [`held`](Self::held), and they take no more: one that
    /// is under way is waited for, though nobody waits for its answer any more, and one whose call arrives
    /// later finds the lease lost.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage; the fence may stand then or not.
    async fn fence_claims(&self, worker: WorkerId, from: i64) -> Result<(), DriverError>;

    /// Returns the jobs that a worker holds, each with the number of its claim.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn held(&self, worker: WorkerId) -> Result<Vec<(JobId, i64)>, DriverError>;
}
