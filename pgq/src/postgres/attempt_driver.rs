//! [`AttemptDriver`] for PostgreSQL.

use async_trait::async_trait;

use super::PostgresDriver;
use super::error::driver_error;
use super::pool::OnPool;
use crate::driver::{
    AttemptDriver, Completion, DeclaredTask, Described, Description, DriverError, Enqueue,
    HeldInput, Hold, KeyedJobs, NewProgress, Progress, WorkerId,
};
use crate::job::JobId;

#[async_trait]
impl AttemptDriver for PostgresDriver {
    async fn declare_tasks(&self, tasks: &[DeclaredTask]) -> Result<(), DriverError> {
        self.declare_all_tasks(tasks).await
    }

    async fn describe(&self, description: Description) -> Result<Described, DriverError> {
        self.describe_job(description).await
    }

    async fn hold(&self, worker: WorkerId, job: JobId, claim: i64) -> Result<Hold, DriverError> {
        self.read_hold(worker, job, claim).await
    }

    async fn complete_and_enqueue(
        &self,
        worker: WorkerId,
        completion: &Completion,
        children: &[Enqueue],
    ) -> Result<bool, DriverError> {
        self.complete_with_children(worker, completion, children)
            .await
    }

    async fn enqueue_held(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        enqueue: Enqueue,
    ) -> Result<Option<KeyedJobs>, DriverError> {
        self.enqueue_children(worker, job, claim, enqueue).await
    }

    async fn try_suspect(&self, worker: WorkerId, job: JobId) -> Result<bool, DriverError> {
        self.note_trial(worker, job).await
    }

    async fn set_progress(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        progress: &NewProgress,
    ) -> Result<bool, DriverError> {
        self.write_progress(worker, job, claim, progress).await
    }

    async fn progress(&self, job: JobId) -> Result<Option<Progress>, DriverError> {
        self.read_progress(job).await
    }

    async fn inputs(
        &self,
        worker: WorkerId,
        jobs: &[(JobId, i64)],
    ) -> Result<Vec<HeldInput>, DriverError> {
        self.read_inputs(worker, jobs).await
    }

    async fn fence_claims(&self, worker: WorkerId, from: i64) -> Result<(), DriverError> {
        sqlx::query(self.statements.fence_claims.clone())
            .bind(worker.as_i64())
            .bind(from)
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to fence claims", error))
    }

    async fn held(&self, worker: WorkerId) -> Result<Vec<(JobId, i64)>, DriverError> {
        sqlx::query_as(self.statements.held_jobs.clone())
            .bind(worker.as_i64())
            .all_on(&self.pool)
            .await
            .map(|held: Vec<(i64, i64)>| {
                held.into_iter()
                    .map(|(job, claim)| (JobId::from_i64(job), claim))
                    .collect()
            })
            .map_err(|error| driver_error("failed to list the jobs of the worker", error))
    }
}
