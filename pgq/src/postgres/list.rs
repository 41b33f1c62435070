//! The statements that look at many jobs.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::driver_error;
use super::{PostgresDriver, row};
use crate::driver::{
    Count, DriverError, JobCounts, ListedJobs, Listing, Position, QueuedInput, WaitingJobs,
};
use crate::job::JobState;

/// How many scheduled or ready jobs one page looks at, if it asks for a queue or a task: they have
/// no index by task, which would cost each of them more than all listings together.
const WALK_MAX: usize = 1000;

/// Up to how many jobs of a lane or a state are counted.
const COUNT_MAX: i64 = 1000;

impl PostgresDriver {
    pub(super) async fn list_jobs(&self, listing: &Listing) -> Result<ListedJobs, DriverError> {
        self.page(listing)
            .await
            .map_err(|error| driver_error("failed to list jobs", error))
    }

    async fn page(&self, listing: &Listing) -> sqlx::Result<ListedJobs> {
        let statement = match listing.state {
            JobState::Scheduled => &self.statements.list_scheduled,
            JobState::Ready => &self.statements.list_ready,
            JobState::Running => &self.statements.list_running,
            JobState::Completed | JobState::Failed | JobState::Cancelled | JobState::Expired => {
                &self.statements.list_finished
            }
        };
        let walks = matches!(listing.state, JobState::Scheduled | JobState::Ready);
        let walk = if listing.queue.is_none() && listing.task.is_none() {
            listing.limit
        } else {
            listing.limit.max(WALK_MAX)
        };

        // The pool may be the application's, without the settings that make a kept plan safe.
        let mut query = sqlx::query(statement.clone()).persistent(false);
        if let Some(state) = finished(listing.state) {
            query = query.bind(state);
        }
        query = query
            .bind(listing.queue.as_deref())
            .bind(listing.task.as_deref())
            .bind(listing.after.map_or(i64::MAX, Position::as_i64))
            .bind(number(listing.limit));
        if walks {
            query = query.bind(number(walk));
        }
        let rows = query.fetch_all(&self.pool).await?;

        let mut jobs = Vec::with_capacity(rows.len());
        let mut last = None;
        for row in &rows {
            last = row.try_get::<Option<i64>, _>("position")?;
            if last.is_some() {
                jobs.push(row::job(row)?);
            }
        }
        let next = if jobs.len() == listing.limit {
            last
        } else if walks {
            reached(&rows, walk)?
        } else {
            None
        };
        Ok(ListedJobs {
            jobs,
            next: next.map(Position::from_i64),
        })
    }

    pub(super) async fn count_inputs(&self, limit: usize) -> Result<Vec<QueuedInput>, DriverError> {
        let error = |error| driver_error("failed to count the queued inputs", error);
        let rows = sqlx::query(self.statements.queued_inputs.clone())
            .bind(number(limit))
            .persistent(false)
            .fetch_all(&self.pool)
            .await
            .map_err(error)?;
        let inputs = rows.iter().filter_map(|row| queued_input(row).transpose());
        inputs.collect::<sqlx::Result<_>>().map_err(error)
    }

    pub(super) async fn count_jobs(&self) -> Result<JobCounts, DriverError> {
        let error = |error| driver_error("failed to count jobs", error);
        let states = sqlx::query(self.statements.count_jobs.clone())
            .bind(COUNT_MAX)
            .persistent(false)
            .fetch_all(&self.pool)
            .await
            .map_err(error)?;
        let queues = sqlx::query(self.statements.count_waiting.clone())
            .bind(COUNT_MAX)
            .persistent(false)
            .fetch_all(&self.pool)
            .await
            .map_err(error)?;
        Ok(JobCounts {
            states: states
                .iter()
                .filter_map(|row| state_count(row).transpose())
                .collect::<sqlx::Result<_>>()
                .map_err(error)?,
            queues: queues
                .iter()
                .map(waiting)
                .collect::<sqlx::Result<_>>()
                .map_err(error)?,
        })
    }
}

/// The number in the column `state` of `finished`; `None` for a state in which jobs have not ended.
const fn finished(state: JobState) -> Option<i16> {
    match state {
        JobState::Completed => Some(1),
        JobState::Failed => Some(2),
        JobState::Cancelled => Some(3),
        JobState::Expired => Some(4),
        JobState::Scheduled | JobState::Ready | JobState::Running => None,
    }
}

/// Where a walk ended that did not come to the end of the jobs.
fn reached(rows: &[PgRow], walk: usize) -> sqlx::Result<Option<i64>> {
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let walked: i64 = row.try_get("walked")?;
    if walked < number(walk) {
        return Ok(None);
    }
    row.try_get("reached")
}

fn queued_input(row: &PgRow) -> sqlx::Result<Option<QueuedInput>> {
    let Some(state) = JobState::from_name(row.try_get("state")?) else {
        return Ok(None);
    };
    let jobs: i64 = row.try_get("jobs")?;
    Ok(Some(QueuedInput {
        state,
        task: row.try_get("task")?,
        fingerprint: row.try_get("fingerprint")?,
        jobs: jobs.unsigned_abs(),
    }))
}

fn state_count(row: &PgRow) -> sqlx::Result<Option<(JobState, Count)>> {
    let Some(state) = JobState::from_name(row.try_get("state")?) else {
        return Ok(None);
    };
    let counted: Option<i64> = row.try_get("counted")?;
    let estimated: i64 = row.try_get("estimated")?;
    let count = match counted {
        Some(counted) if counted < COUNT_MAX => Count {
            jobs: counted.unsigned_abs(),
            is_exact: true,
        },
        counted => Count {
            jobs: estimated.max(counted.unwrap_or(0)).unsigned_abs(),
            is_exact: false,
        },
    };
    Ok(Some((state, count)))
}

fn waiting(row: &PgRow) -> sqlx::Result<WaitingJobs> {
    let jobs: i64 = row.try_get("jobs")?;
    let more: bool = row.try_get("more")?;
    let waited: i64 = row.try_get("waited")?;
    Ok(WaitingJobs {
        queue: row.try_get("queue")?,
        ready: Count {
            jobs: jobs.unsigned_abs(),
            is_exact: !more,
        },
        waited: Duration::from_micros(waited.max(0).unsigned_abs()),
    })
}

fn number(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
