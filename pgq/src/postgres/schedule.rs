//! [`ScheduleDriver`] for PostgreSQL.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Row, SqlStr};

use super::PostgresDriver;
use super::error::driver_error;
use super::large_input::Parted;
use super::unique;
use crate::driver::{
    DriverError, Schedule, ScheduleDriver, ScheduleState, Start, StoredSchedule, Tick, WorkerId,
};
use crate::job::{Conflict, JobId};
use crate::schedule::Overlap;

impl PostgresDriver {
    /// Declares schedules with one of the statements for that.
    async fn declare(&self, statement: SqlStr, schedules: &[Schedule]) -> Result<(), DriverError> {
        let column = |of: fn(&Schedule) -> &str| schedules.iter().map(of).collect::<Vec<_>>();
        let time = |of: fn(&Schedule) -> Option<DateTime<Utc>>| {
            schedules.iter().map(of).collect::<Vec<_>>()
        };
        sqlx::query(statement)
            .bind(column(|schedule| &schedule.name))
            .bind(column(|schedule| &schedule.task))
            .bind(column(|schedule| &schedule.expression))
            .bind(column(|schedule| &schedule.zone))
            .bind(time(|schedule| schedule.starts_at))
            .bind(time(|schedule| schedule.ends_at))
            .bind(schedules.iter().map(Schedule::digest).collect::<Vec<_>>())
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to declare the schedules", error))
    }
}

#[async_trait]
impl ScheduleDriver for PostgresDriver {
    async fn declare_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError> {
        let statement = self.statements.declare_schedules.clone();
        self.declare(statement, schedules).await
    }

    async fn add_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError> {
        let statement = self.statements.add_schedules.clone();
        self.declare(statement, schedules).await
    }

    async fn stop_ticking(&self, worker: WorkerId) -> Result<(), DriverError> {
        sqlx::query(self.statements.stop_ticking.clone())
            .bind(worker.as_i64())
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|error| driver_error("failed to leave the schedules to others", error))
    }

    async fn take_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
    ) -> Result<bool, DriverError> {
        sqlx::query(self.statements.take_schedule.clone())
            .bind(&schedule.name)
            .bind(&schedule.task)
            .bind(&schedule.expression)
            .bind(&schedule.zone)
            .bind(schedule.starts_at)
            .bind(schedule.ends_at)
            .bind(schedule.digest())
            .bind(seen)
            .bind(since)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(|error| driver_error("failed to declare a schedule again", error))
    }

    async fn schedules(&self, names: &[String]) -> Result<ScheduleState, DriverError> {
        let map = |rows: Vec<sqlx::postgres::PgRow>| -> sqlx::Result<ScheduleState> {
            let now = rows
                .first()
                .ok_or(sqlx::Error::RowNotFound)?
                .try_get("now")?;
            let mut schedules = Vec::new();
            for row in rows {
                if let Some(name) = row.try_get("name")? {
                    schedules.push(StoredSchedule {
                        name,
                        digest: row.try_get("digest")?,
                        is_kept: row.try_get("is_kept")?,
                        last_tick: row.try_get("last_tick")?,
                    });
                }
            }
            Ok(ScheduleState { now, schedules })
        };
        sqlx::query(self.statements.schedules.clone())
            .bind(names)
            .fetch_all(&self.pool)
            .await
            .and_then(map)
            .map_err(|error| driver_error("failed to read the schedules", error))
    }

    async fn tick(&self, tick: Tick) -> Result<Option<JobId>, DriverError> {
        let Tick {
            schedule,
            previous,
            at,
            overlap,
            enqueue,
        } = tick;
        let overlap = match overlap {
            Overlap::Allow | Overlap::CancelRunning => "allow",
            Overlap::Skip => "skip",
            Overlap::QueueOne => "queue_one",
        };
        let run_at = match enqueue.start {
            Start::At(time) => Some(time),
            Start::Now | Start::After(_) => None,
        };
        let error = |error| driver_error("failed to enqueue the job of a tick", error);
        // A tick that finds its job there has none, whatever becomes of others.
        let conflict = match unique::conflict(&enqueue) {
            Conflict::Raise => Conflict::Skip,
            other => other,
        };
        let mut job = Parted::new(enqueue.jobs).map_err(error)?;
        sqlx::query_scalar(self.statements.tick.clone())
            .bind(&schedule.name)
            .bind(previous)
            .bind(at)
            .bind(job.inline.pop().unwrap_or_default())
            .bind(enqueue.task.into_owned())
            .bind(enqueue.queue.into_owned())
            .bind(enqueue.priority)
            .bind(enqueue.max_attempts)
            .bind(enqueue.fingerprint)
            .bind(self.schema().as_str())
            .bind(job.large.pop())
            .bind(run_at)
            .bind(overlap)
            .bind(job.details.pop())
            .bind(job.marks.pop().unwrap_or_default())
            .bind(schedule.digest())
            .bind(job.keys.pop())
            .bind(job.periods.pop().flatten())
            .bind(unique::name(conflict))
            .fetch_optional(&self.pool)
            .await
            .map(|id: Option<i64>| id.map(JobId::from_i64))
            .map_err(error)
    }
}
