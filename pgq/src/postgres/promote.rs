//! Promotions: scheduled jobs that are due become ready.

use std::sync::PoisonError;
use std::time::Instant;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresDriver;
use super::driver::count;
use super::error::driver_error;
use super::pool::OnPool;
use super::time_cursor::{TimeCursor, micros, step};
use crate::driver::{DriverError, Promoted};

impl PostgresDriver {
    pub(super) async fn promote_jobs(&self, limit: usize) -> Result<Promoted, DriverError> {
        let start = self.with_promote_cursor(|cursor| cursor.start(Instant::now()));
        let promoted = self.promote_from(start, limit).await?;
        if promoted.jobs == 0 && self.with_promote_cursor(|cursor| cursor.must_look_again(start)) {
            return self.promote_from(None, limit).await;
        }
        Ok(promoted)
    }

    async fn promote_from(
        &self,
        start: Option<DateTime<Utc>>,
        limit: usize,
    ) -> Result<Promoted, DriverError> {
        let (promoted, step) = sqlx::query(self.statements.promote_jobs.clone())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(self.schema().as_str())
            .bind(start)
            .one_on(&self.pool)
            .await
            .and_then(|row| Ok((promoted(&row)?, step(&row)?)))
            .map_err(|error| driver_error("failed to promote scheduled jobs", error))?;
        self.with_promote_cursor(|cursor| cursor.moved(start, &step, Instant::now()));
        Ok(promoted)
    }

    fn with_promote_cursor<T>(&self, use_it: impl FnOnce(&mut TimeCursor) -> T) -> T {
        use_it(&mut self.promoted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn promoted(row: &PgRow) -> sqlx::Result<Promoted> {
    let next: Option<i64> = row.try_get("next")?;
    Ok(Promoted {
        jobs: count(row.try_get("jobs")?),
        next: next.map(micros),
    })
}
