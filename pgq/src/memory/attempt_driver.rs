//! [`AttemptDriver`] for the storage in memory.

use async_trait::async_trait;

use super::MemoryDriver;
use crate::driver::{
    AttemptDriver, Completion, DeclaredTask, Described, Description, DriverError, Enqueue,
    HeldInput, Hold, KeyedJobs, NewProgress, Progress, WorkerId,
};
use crate::job::JobId;

#[async_trait]
impl AttemptDriver for MemoryDriver {
    /// Nobody enqueues here who does not have the code.
    async fn declare_tasks(&self, _tasks: &[DeclaredTask]) -> Result<(), DriverError> {
        Ok(())
    }

    /// Nobody enqueues here who does not have the code, so that no job is unread.
    async fn describe(&self, _description: Description) -> Result<Described, DriverError> {
        Ok(Described::Held)
    }

    async fn hold(&self, worker: WorkerId, job: JobId, claim: i64) -> Result<Hold, DriverError> {
        Ok(self.call(|store, _| store.hold(worker, job, claim)))
    }

    async fn complete_and_enqueue(
        &self,
        worker: WorkerId,
        completion: &Completion,
        children: &[Enqueue],
    ) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.complete_and_enqueue(worker, completion, children, now)))
    }

    async fn enqueue_held(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        enqueue: Enqueue,
    ) -> Result<Option<KeyedJobs>, DriverError> {
        Ok(self.call(|store, now| {
            let held = store.hold(worker, job, claim) == Hold::Held;
            held.then(|| store.enqueue_unique(enqueue, now))
        }))
    }

    async fn try_suspect(&self, worker: WorkerId, job: JobId) -> Result<bool, DriverError> {
        Ok(self.call(|store, _| store.try_suspect(worker, job)))
    }

    async fn set_progress(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        progress: &NewProgress,
    ) -> Result<bool, DriverError> {
        Ok(self.call(|store, now| store.set_progress(worker, job, claim, progress, now)))
    }

    async fn progress(&self, job: JobId) -> Result<Option<Progress>, DriverError> {
        Ok(self.call(|store, _| store.progress(job)))
    }

    async fn inputs(
        &self,
        worker: WorkerId,
        jobs: &[(JobId, i64)],
    ) -> Result<Vec<HeldInput>, DriverError> {
        Ok(self.call(|store, _| store.inputs(worker, jobs)))
    }

    async fn fence_claims(&self, worker: WorkerId, from: i64) -> Result<(), DriverError> {
        self.call(|store, _| store.fence_claims(worker, from));
        Ok(())
    }

    async fn held(&self, worker: WorkerId) -> Result<Vec<(JobId, i64)>, DriverError> {
        Ok(self.call(|store, _| store.held(worker)))
    }
}
