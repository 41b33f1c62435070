//! The history of one job.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::error::driver_error;
use super::pool::OnPool;
use crate::driver::{Attempt, AttemptOutcome, DriverError, WorkerId};
use crate::job::JobId;

impl PostgresDriver {
    pub(super) async fn find_attempts(&self, job: JobId) -> Result<Vec<Attempt>, DriverError> {
        let error = |error| driver_error("failed to look for the attempts of a job", error);
        let rows = sqlx::query(self.statements.find_attempts.clone())
            .bind(job.as_i64())
            // The pool may be the application's, without the settings that make a kept plan safe.
            .persistent(false)
            .all_on(&self.pool)
            .await
            .map_err(error)?;
        let attempts: sqlx::Result<Vec<Attempt>> = rows.iter().map(attempt).collect();
        let mut attempts = attempts.map_err(error)?;
        attempts.sort_by_key(|attempt| attempt.started_at);
        Ok(attempts)
    }
}

fn attempt(row: &PgRow) -> sqlx::Result<Attempt> {
    let worker: Option<i64> = row.try_get("worker")?;
    Ok(Attempt {
        number: row.try_get("attempt")?,
        worker: WorkerId::from_i64(worker.unwrap_or_default()),
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        outcome: outcome(row.try_get("outcome")?),
        error: row.try_get("error")?,
    })
}

/// The column `outcome` of `failure`, or `state` of `finished`.
const fn outcome(number: Option<i16>) -> AttemptOutcome {
    match number {
        None => AttemptOutcome::Running,
        Some(1) => AttemptOutcome::Completed,
        Some(3) => AttemptOutcome::Cancelled,
        Some(5) => AttemptOutcome::Lost,
        Some(_) => AttemptOutcome::Failed,
    }
}
