//! What attempts report of themselves, and which jobs have ended.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::error::driver_error;
use super::pool::OnPool;
use crate::driver::{DriverError, NewProgress, Progress, WorkerId};
use crate::job::JobId;

impl PostgresDriver {
    pub(super) async fn write_progress(
        &self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        progress: &NewProgress,
    ) -> Result<bool, DriverError> {
        sqlx::query(self.statements.set_progress.clone())
            .bind(worker.as_i64())
            .bind(job.as_i64())
            .bind(claim)
            .bind(progress.done)
            .bind(progress.total)
            .bind(progress.message.as_str())
            .done_on(&self.pool)
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(|error| driver_error("failed to write the progress of a job", error))
    }

    pub(super) async fn find_finished(&self, jobs: &[JobId]) -> Result<Vec<JobId>, DriverError> {
        let jobs: Vec<i64> = jobs.iter().map(|job| job.as_i64()).collect();
        sqlx::query_scalar(self.statements.finished_jobs.clone())
            .bind(jobs)
            // As `find_job`: the pool may be the application's.
            .persistent(false)
            .all_on(&self.pool)
            .await
            .map(|ids: Vec<i64>| ids.into_iter().map(JobId::from_i64).collect())
            .map_err(|error| driver_error("failed to look which jobs have ended", error))
    }

    pub(super) async fn read_progress(&self, job: JobId) -> Result<Option<Progress>, DriverError> {
        sqlx::query(self.statements.find_progress.clone())
            .bind(job.as_i64())
            // As `find_job`: the pool may be the application's.
            .persistent(false)
            .optional_on(&self.pool)
            .await
            .and_then(|row| row.as_ref().map(progress).transpose())
            .map_err(|error| driver_error("failed to read the progress of a job", error))
    }
}

fn progress(row: &PgRow) -> sqlx::Result<Progress> {
    let count = |column| -> sqlx::Result<u64> {
        let count: i64 = row.try_get(column)?;
        Ok(u64::try_from(count).unwrap_or_default())
    };
    Ok(Progress {
        done: count("done")?,
        total: count("total")?,
        message: row.try_get("message")?,
        attempt: row.try_get("attempt")?,
        updated_at: row.try_get("updated_at")?,
    })
}
