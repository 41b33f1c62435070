//! What attempts have logged.

use sqlx::Row;

use super::PostgresDriver;
use super::error::driver_error;
use super::pool::OnPool;
use crate::driver::{DriverError, NewLog, WorkerId};
use crate::job::JobId;
use crate::logs::AttemptLog;

impl PostgresDriver {
    pub(super) async fn store_logs(
        &self,
        worker: WorkerId,
        logs: &[NewLog],
    ) -> Result<(), DriverError> {
        let jobs: Vec<i64> = logs.iter().map(|log| log.job.as_i64()).collect();
        let claims: Vec<i64> = logs.iter().map(|log| log.claim).collect();
        let attempts: Vec<i16> = logs.iter().map(|log| log.attempt).collect();
        let completed: Vec<bool> = logs.iter().map(|log| log.is_completed).collect();
        let texts: Vec<&str> = logs.iter().map(|log| &*log.text).collect();
        sqlx::query(self.statements.keep_logs.clone())
            .bind(worker.as_i64())
            .bind(jobs)
            .bind(claims)
            .bind(attempts)
            .bind(completed)
            .bind(texts)
            .done_on(&self.pool)
            .await
            .map(drop)
            .map_err(|error| driver_error("failed to keep what attempts have logged", error))
    }

    pub(super) async fn read_logs(&self, job: JobId) -> Result<Vec<AttemptLog>, DriverError> {
        let error = |error| driver_error("failed to read what attempts have logged", error);
        let rows = sqlx::query(self.statements.find_logs.clone())
            .bind(job.as_i64())
            .all_on(&self.pool)
            .await
            .map_err(error)?;
        let logs = rows
            .iter()
            .map(|row| {
                let (attempt, ended_at) = (row.try_get("attempt")?, row.try_get("ended_at")?);
                Ok(AttemptLog::new(attempt, ended_at, row.try_get("text")?))
            })
            .collect::<sqlx::Result<Vec<_>>>();
        let mut logs = logs.map_err(error)?;
        logs.sort_by_key(|log| log.ended_at);
        Ok(logs)
    }
}
