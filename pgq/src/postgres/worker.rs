//! The statements about workers and their leases.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::driver::count;
use super::enqueue::micros;
use super::error::driver_error;
use super::pool::OnPool;
use crate::driver::{DeadJob, DriverError, Rescued, WorkerId, WorkerInfo};
use crate::job::{JobId, Retain};

impl PostgresDriver {
    pub(super) async fn insert_worker(&self, worker: WorkerInfo) -> Result<bool, DriverError> {
        let tasks = worker.build.tasks.into_iter();
        let (names, fingerprints): (Vec<String>, Vec<i64>) =
            tasks.map(|task| (task.name, task.fingerprint)).unzip();
        sqlx::query(self.statements.register_worker.clone())
            .bind(worker.id.as_i64())
            .bind(micros(worker.lease))
            .bind(i32::try_from(worker.pid).unwrap_or(i32::MAX))
            .bind(worker.host)
            .bind(worker.queues)
            .bind(i32::try_from(worker.concurrency).unwrap_or(i32::MAX))
            .bind(worker.build.pgq_version)
            .bind(worker.build.app_version)
            .bind(names)
            .bind(fingerprints)
            .bind(worker.build.schedules)
            .bind(worker.build.declarations)
            .bind(worker.build.keyed)
            .bind(worker.build.aliases)
            .bind(worker.build.inputs)
            .bind(worker.build.ticks)
            .done_on(&self.pool)
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(|error| driver_error("failed to register the worker", error))
    }

    /// Two statements in one transaction: the first locks the workers, so that the second sees
    /// every job that they have claimed.
    pub(super) async fn rescue_jobs(&self, blame_max: i16) -> Result<Rescued, DriverError> {
        let error = |error| driver_error("failed to rescue the jobs of dead workers", error);
        let mut transaction = self.pool.begin().await.map_err(error)?;
        let dead: Vec<i64> = sqlx::query_scalar(self.statements.lock_dead_workers.clone())
            .fetch_all(&mut *transaction)
            .await
            .map_err(error)?;
        if dead.is_empty() {
            transaction.rollback().await.map_err(error)?;
            return Ok(Rescued::default());
        }
        let row = sqlx::query(self.statements.rescue_jobs.clone())
            .bind(&dead)
            .bind(blame_max)
            .bind(self.schema().as_str())
            .bind(Retain::DEFAULT.failed.hours())
            .bind(Retain::DEFAULT.completed.hours())
            .fetch_one(&mut *transaction)
            .await
            .map_err(error)?;
        transaction.commit().await.map_err(error)?;
        Ok(Rescued {
            workers: count(row.try_get("workers").map_err(error)?),
            ready: count(row.try_get("ready").map_err(error)?),
            failed: read_dead(&row).map_err(error)?,
            cancelled: count(row.try_get("cancelled").map_err(error)?),
        })
    }

    pub(super) async fn note_trial(
        &self,
        worker: WorkerId,
        job: JobId,
    ) -> Result<bool, DriverError> {
        sqlx::query(self.statements.try_suspect.clone())
            .bind(worker.as_i64())
            .bind(job.as_i64())
            .done_on(&self.pool)
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(|error| driver_error("failed to note which suspect runs", error))
    }

    pub(super) async fn return_jobs(&self, worker: WorkerId) -> Result<(), DriverError> {
        let error = |error| driver_error("failed to deregister the worker", error);
        let mut transaction = self.pool.begin().await.map_err(error)?;
        sqlx::query(self.statements.lock_worker.clone())
            .bind(worker.as_i64())
            .execute(&mut *transaction)
            .await
            .map_err(error)?;
        sqlx::query(self.statements.return_jobs.clone())
            .bind(worker.as_i64())
            .bind(self.schema().as_str())
            .bind(Retain::DEFAULT.completed.hours())
            .execute(&mut *transaction)
            .await
            .map_err(error)?;
        transaction.commit().await.map_err(error)
    }
}

fn read_dead(row: &PgRow) -> sqlx::Result<Vec<DeadJob>> {
    let jobs: Vec<i64> = row.try_get("failed")?;
    let queues: Vec<String> = row.try_get("queues")?;
    let tasks: Vec<String> = row.try_get("tasks")?;
    let errors: Vec<String> = row.try_get("errors")?;
    let dead = jobs.into_iter().zip(queues).zip(tasks).zip(errors);
    let dead = dead.map(|(((job, queue), task), error)| DeadJob {
        job: JobId::from_i64(job),
        queue,
        task,
        error,
    });
    Ok(dead.collect())
}
