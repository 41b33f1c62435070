//! Changes to jobs that somebody has looked at.

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};

use super::PostgresDriver;
use super::enqueue::micros;
use super::error::driver_error;
use super::list::{NO_JIT, finished};
use crate::driver::{DriverError, Start};
use crate::job::{Job, JobId, JobState};

type Statement = Query<'static, Postgres, PgArguments>;

impl PostgresDriver {
    pub(super) async fn requeue_jobs(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
        self.change(jobs, |state, seen| {
            if state == JobState::Completed {
                return None;
            }
            let ended = finished(state)?;
            let statement = sqlx::query(self.statements.requeue_jobs.clone())
                .bind(seen.ids)
                .bind(seen.queues)
                .bind(seen.tasks)
                .bind(seen.finished_at)
                .bind(ended)
                .bind(self.schema().to_string());
            Some(statement)
        })
        .await
        .map_err(|error| driver_error("failed to requeue jobs", error))
    }

    pub(super) async fn delete_jobs(&self, jobs: &[Job]) -> Result<Vec<JobId>, DriverError> {
        self.change(jobs, |state, seen| {
            let table = match state {
                JobState::Running => return None,
                state => table(state),
            };
            let statement = sqlx::query(self.statements.delete_jobs.clone())
                .bind(seen.ids)
                .bind(seen.queues)
                .bind(seen.tasks)
                .bind(seen.priorities)
                .bind(seen.finished_at)
                .bind([table])
                .bind(finished(state));
            Some(statement)
        })
        .await
        .map_err(|error| driver_error("failed to delete jobs", error))
    }

    pub(super) async fn reschedule_jobs(
        &self,
        jobs: &[Job],
        start: Start,
    ) -> Result<Vec<JobId>, DriverError> {
        let (at, delay) = match start {
            Start::Now => (None, 0),
            Start::After(delay) => (None, micros(delay)),
            Start::At(time) => (Some(time), 0),
        };
        self.change(jobs, |state, seen| {
            let statement = match state {
                JobState::Scheduled => {
                    sqlx::query(self.statements.reschedule_jobs.clone()).bind(seen.ids)
                }
                JobState::Ready => sqlx::query(self.statements.postpone_jobs.clone())
                    .bind(seen.ids)
                    .bind(seen.queues)
                    .bind(seen.priorities),
                _ => return None,
            };
            let channel = self.schema().to_string();
            Some(statement.bind(at).bind(delay).bind(channel))
        })
        .await
        .map_err(|error| driver_error("failed to reschedule jobs", error))
    }

    /// Runs a statement for the jobs of each state in which there are any, in one transaction.
    /// Each returns the jobs that it has changed.
    async fn change(
        &self,
        jobs: &[Job],
        statement: impl Fn(JobState, Seen) -> Option<Statement>,
    ) -> sqlx::Result<Vec<JobId>> {
        let mut statements = Vec::new();
        for state in JobState::ALL {
            let seen = Seen::of(jobs.iter().filter(|job| job.state == state));
            if !seen.ids.is_empty() {
                // The pool may be the application's, without the settings that make a kept plan safe.
                statements.extend(statement(state, seen).map(|query| query.persistent(false)));
            }
        }
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::raw_sql(NO_JIT).execute(&mut *transaction).await?;
        let mut changed = Vec::new();
        for statement in statements {
            for row in statement.fetch_all(&mut *transaction).await? {
                changed.push(id(&row)?);
            }
        }
        transaction.commit().await?;
        Ok(changed)
    }
}

/// What jobs are looked up by, sorted by their ids: whoever locks several rows does so in one order.
#[derive(Default)]
struct Seen {
    ids: Vec<i64>,
    queues: Vec<String>,
    tasks: Vec<String>,
    priorities: Vec<i16>,
    finished_at: Vec<Option<DateTime<Utc>>>,
}

impl Seen {
    fn of<'a>(jobs: impl Iterator<Item = &'a Job>) -> Self {
        let mut jobs: Vec<&Job> = jobs.collect();
        jobs.sort_unstable_by_key(|job| job.id);
        jobs.dedup_by_key(|job| job.id);
        let mut seen = Self::default();
        for job in jobs {
            seen.ids.push(job.id.as_i64());
            seen.queues.push(job.queue.clone());
            seen.tasks.push(job.task.clone());
            seen.priorities.push(job.priority);
            seen.finished_at.push(job.finished_at);
        }
        seen
    }
}

/// The table of a state, without its schema.
pub(super) const fn table(state: JobState) -> &'static str {
    match state {
        JobState::Scheduled => "scheduled",
        JobState::Ready => "ready",
        JobState::Running => "running",
        JobState::Completed | JobState::Failed | JobState::Cancelled | JobState::Expired => {
            "finished"
        }
    }
}

fn id(row: &PgRow) -> sqlx::Result<JobId> {
    row.try_get("id").map(JobId::from_i64)
}
