//! The statements that end attempts.

use sqlx::Row;

use super::PostgresDriver;
use super::driver::count;
use super::enqueue::micros;
use super::error::driver_error;
use super::session::Lent;
use crate::driver::{Completion, DriverError, End, Ending, WorkerId};

impl PostgresDriver {
    /// Lends a session that is free; waits for the first one if none is.
    async fn finish_session(&self) -> Result<Lent<'_>, DriverError> {
        for session in &*self.finishes {
            if let Some(lent) = session.try_lend().await {
                return lent;
            }
        }
        self.finishes[0].lend().await
    }

    pub(super) async fn complete_jobs(
        &self,
        worker: WorkerId,
        completions: &[Completion],
    ) -> Result<usize, DriverError> {
        let jobs: Vec<i64> = completions.iter().map(|done| done.job.as_i64()).collect();
        let claims: Vec<i64> = completions.iter().map(|done| done.claim).collect();
        let results: Vec<Option<&[u8]>> = completions
            .iter()
            .map(|done| done.result.as_deref())
            .collect();

        let mut session = self.finish_session().await?;
        let done = sqlx::query(self.statements.complete_jobs.clone())
            .bind(worker.as_i64())
            .bind(jobs)
            .bind(claims)
            .bind(results)
            .execute(session.connection())
            .await
            .map_err(|error| driver_error("failed to complete jobs", error))?;
        session.keep();
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }

    pub(super) async fn end_jobs(
        &self,
        worker: WorkerId,
        endings: &[Ending],
    ) -> Result<usize, DriverError> {
        let error = |error| driver_error("failed to end attempts", error);
        let jobs: Vec<i64> = endings.iter().map(|ending| ending.job.as_i64()).collect();
        let claims: Vec<i64> = endings.iter().map(|ending| ending.claim).collect();
        let (kinds, delays): (Vec<&str>, Vec<i64>) =
            endings.iter().map(|ending| kind(ending.end)).unzip();
        let errors: Vec<Option<&str>> = endings
            .iter()
            .map(|ending| ending.error.as_deref())
            .collect();

        let mut session = self.finish_session().await?;
        let row = sqlx::query(self.statements.end_jobs.clone())
            .bind(worker.as_i64())
            .bind(jobs)
            .bind(claims)
            .bind(kinds)
            .bind(delays)
            .bind(errors)
            .bind(self.schema().as_str())
            .fetch_one(session.connection())
            .await
            .map_err(error)?;
        session.keep();
        row.try_get("ended").map(count).map_err(error)
    }
}

/// How the statement names an end, and its delay.
fn kind(end: End) -> (&'static str, i64) {
    match end {
        End::Failed => ("failed", 0),
        End::Retry(delay) => ("retry", micros(delay)),
        End::Release(delay) => ("release", micros(delay)),
    }
}
