//! The statements that direct workers.

use sqlx::{PgConnection, Row, SqlStr};

use super::PostgresDriver;
use super::error::{driver_error, lacks_partition};
use super::migrate::NEWEST;
use super::pool::OnPool;
use crate::driver::{Cancellation, Directives, Driver, DriverError, Pausable, Pause, WorkerId};
use crate::job::{JobId, JobState, Retain};

impl PostgresDriver {
    pub(super) async fn pause_jobs(&self, what: &Pausable) -> Result<bool, DriverError> {
        self.set_pause(self.statements.pause.clone(), what)
            .await
            .map_err(|error| driver_error("failed to pause", error))
    }

    pub(super) async fn resume_jobs(&self, what: &Pausable) -> Result<bool, DriverError> {
        self.set_pause(self.statements.resume.clone(), what)
            .await
            .map_err(|error| driver_error("failed to resume", error))
    }

    async fn set_pause(&self, sql: SqlStr, what: &Pausable) -> sqlx::Result<bool> {
        let (kind, name) = match what {
            Pausable::Queue(name) => (QUEUE, name),
            Pausable::Task(name) => (TASK, name),
        };
        sqlx::query_scalar(sql)
            .bind(kind)
            .bind(name)
            .bind(self.schema().as_str())
            // The pool may be the application's, behind a pooler.
            .persistent(false)
            .one_on(&self.pool)
            .await
    }

    pub(super) async fn list_pauses(&self) -> Result<Vec<Pause>, DriverError> {
        let rows: Vec<(String, String, _)> = sqlx::query_as(self.statements.pauses.clone())
            .persistent(false)
            .all_on(&self.pool)
            .await
            .map_err(|error| driver_error("failed to list what is paused", error))?;
        let pause = |(kind, name, since): (String, String, _)| {
            let what = pausable(&kind, name)?;
            Some(Pause { what, since })
        };
        Ok(rows.into_iter().filter_map(pause).collect())
    }

    pub(super) async fn read_directives(
        &self,
        worker: WorkerId,
    ) -> Result<Directives, DriverError> {
        let error = |error| driver_error("failed to read the directives", error);
        // By itself, and first: of the others the schema may have nothing any more that this program knows.
        let oldest: i32 = sqlx::query_scalar(self.statements.oldest_program.clone())
            .one_on(&self.pool)
            .await
            .map_err(error)?;
        if oldest > NEWEST {
            return Ok(Directives {
                is_outdated: true,
                ..Directives::default()
            });
        }
        let rows: Vec<Directive> = sqlx::query_as(self.statements.directives.clone())
            .bind(worker.as_i64())
            .all_on(&self.pool)
            .await
            .map_err(error)?;
        let mut directives = Directives {
            limits: self.list_limits().await?,
            ..Directives::default()
        };
        for row in rows {
            match row {
                (Some(kind), Some(name), ..) => directives.paused.extend(pausable(&kind, name)),
                (.., Some(job), Some(claim), _) => {
                    directives.cancel.push((JobId::from_i64(job), claim));
                }
                (.., Some(schedules)) => directives.schedules = schedules,
                _ => {}
            }
        }
        Ok(directives)
    }

    /// Looks where the job is until it has not moved meanwhile: in each look it is in one table.
    pub(super) async fn cancel_job(&self, job: JobId) -> Result<Option<Cancellation>, DriverError> {
        loop {
            let mut cancelled = self.try_cancel(job).await;
            if cancelled.as_ref().is_err_and(lacks_partition) {
                self.make_partitions(&[Retain::DEFAULT]).await?;
                cancelled = self.try_cancel(job).await;
            }
            if let Some(cancelled) = cancelled? {
                return Ok(Some(cancelled));
            }
            let state = self.find(job).await?.map(|job| job.state);
            if state.is_none_or(JobState::is_finished) {
                return Ok(state.map(Cancellation::AlreadyFinished));
            }
        }
    }

    /// Each look sees what has been committed by then.
    async fn try_cancel(&self, job: JobId) -> Result<Option<Cancellation>, DriverError> {
        let error = |error| driver_error("failed to cancel a job", error);
        let mut exchange = self.pool.exchange().await.map_err(error)?;
        let cancelled = if self.cancel_waiting(&mut exchange, job).await? {
            Some(Cancellation::Cancelled)
        } else if self.cancel_running(&mut exchange, job).await? {
            Some(Cancellation::Requested)
        } else {
            None
        };
        exchange.done().await.map_err(error)?;
        Ok(cancelled)
    }

    pub(super) async fn cancel_waiting(
        &self,
        connection: &mut PgConnection,
        job: JobId,
    ) -> Result<bool, DriverError> {
        sqlx::query(self.statements.cancel_waiting.clone())
            .bind(job.as_i64())
            .bind(Retain::DEFAULT.completed.hours())
            .bind(self.schema().as_str())
            .persistent(false)
            .fetch_one(connection)
            .await
            .and_then(|row| row.try_get("jobs"))
            .map(|jobs: i64| jobs > 0)
            .map_err(|error| driver_error("failed to cancel a job", error))
    }

    pub(super) async fn cancel_running(
        &self,
        connection: &mut PgConnection,
        job: JobId,
    ) -> Result<bool, DriverError> {
        sqlx::query(self.statements.cancel_running.clone())
            .bind(job.as_i64())
            .bind(self.schema().as_str())
            .persistent(false)
            .fetch_one(connection)
            .await
            .and_then(|row| row.try_get("held"))
            .map(|jobs: i64| jobs > 0)
            .map_err(|error| driver_error("failed to ask for a job to be cancelled", error))
    }
}

/// Something that is paused, by kind and name, a job to be cancelled, with its claim, or the number of the
/// last change of a schedule.
type Directive = (
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

const QUEUE: &str = "queue";
const TASK: &str = "task";

/// What a row pauses.
fn pausable(kind: &str, name: String) -> Option<Pausable> {
    match kind {
        QUEUE => Some(Pausable::Queue(name)),
        TASK => Some(Pausable::Task(name)),
        _ => None,
    }
}
