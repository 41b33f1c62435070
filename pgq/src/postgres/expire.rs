//! Jobs that expire where they wait.

use std::sync::PoisonError;
use std::time::Instant;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::PostgresDriver;
use super::driver::count;
use super::error::{driver_error, lacks_partition};
use super::pool::OnPool;
use super::time_cursor::{TimeCursor, step};
use crate::driver::{DriverError, Kept};
use crate::job::{Retain, Retention};

impl PostgresDriver {
    pub(super) async fn expire_jobs(
        &self,
        limit: usize,
        kept: &Kept,
    ) -> Result<usize, DriverError> {
        let start = self.with_expire_cursor(|cursor| cursor.start(Instant::now()));
        let looked = self.expire_from(start, limit, kept).await?;
        if looked == 0 && self.with_expire_cursor(|cursor| cursor.must_look_again(start)) {
            return self.expire_from(None, limit, kept).await;
        }
        Ok(looked)
    }

    async fn expire_from(
        &self,
        start: Option<DateTime<Utc>>,
        limit: usize,
        kept: &Kept,
    ) -> Result<usize, DriverError> {
        let looked = self.try_expire(start, limit, kept).await;
        if !looked.as_ref().is_err_and(lacks_partition) {
            return looked;
        }
        let retain = |completed: &Retention| Retain {
            completed: *completed,
            ..Retain::DEFAULT
        };
        let retentions = kept.tasks.values().chain([&kept.others]);
        let retains: Vec<Retain> = retentions.map(retain).collect();
        self.make_partitions(&retains).await?;
        self.try_expire(start, limit, kept).await
    }

    async fn try_expire(
        &self,
        start: Option<DateTime<Utc>>,
        limit: usize,
        kept: &Kept,
    ) -> Result<usize, DriverError> {
        let hours = kept.tasks.values().map(|retention| retention.hours());
        let (looked, step) = sqlx::query(self.statements.expire_jobs.clone())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(kept.others.hours())
            .bind(start)
            .bind(kept.tasks.keys().collect::<Vec<_>>())
            .bind(hours.collect::<Vec<_>>())
            .bind(self.schema().as_str())
            .one_on(&self.pool)
            .await
            .and_then(|row| Ok((row.try_get("looked").map(count)?, step(&row)?)))
            .map_err(|error| driver_error("failed to end the jobs that expire", error))?;
        self.with_expire_cursor(|cursor| cursor.moved(start, &step, Instant::now()));
        Ok(looked)
    }

    fn with_expire_cursor<T>(&self, use_it: impl FnOnce(&mut TimeCursor) -> T) -> T {
        use_it(&mut self.expired.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
