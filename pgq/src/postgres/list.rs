//! The statements that look at many jobs.

use std::cmp::Reverse;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::change::table;
use super::error::driver_error;
use super::pool::OnPool;
use super::{PostgresDriver, row};
use crate::driver::{
    Count, DriverError, JobCounts, ListedJobs, Listing, Position, QueuedInput, WaitingJobs,
};
use crate::job::{JobId, JobState};

/// How many jobs one page looks at, if it asks for something that they have no index by, which would
/// cost each of them more than all listings together.
const WALK_MAX: usize = 1000;

/// How many of the jobs that are named one page looks at: each is asked for in every lane or kind.
const NAMED_MAX: usize = 200;

/// So many look-ups look expensive enough to be compiled, which takes a second.
pub(super) const NO_JIT: &str = "set local jit = off";

/// Up to how many jobs of a lane or a state are counted.
const COUNT_MAX: i64 = 1000;

impl PostgresDriver {
    pub(super) async fn list_jobs(&self, listing: &Listing) -> Result<ListedJobs, DriverError> {
        self.page(listing)
            .await
            .map_err(|error| driver_error("failed to list jobs", error))
    }

    async fn page(&self, listing: &Listing) -> sqlx::Result<ListedJobs> {
        match (&listing.jobs, &listing.tag) {
            (Some(names), _) => self.named(listing, names).await,
            (None, Some(tag)) => self.tagged(listing, tag).await,
            (None, None) => self.walked(listing).await,
        }
    }

    /// A page of the jobs of a state, of which so many are looked at.
    async fn walked(&self, listing: &Listing) -> sqlx::Result<ListedJobs> {
        let statement = match listing.state {
            JobState::Scheduled => &self.statements.list_scheduled,
            JobState::Ready => &self.statements.list_ready,
            JobState::Running => &self.statements.list_running,
            JobState::Completed | JobState::Failed | JobState::Cancelled | JobState::Expired => {
                &self.statements.list_finished
            }
        };
        let walk = match is_found_by_index(listing) {
            true => listing.limit,
            false => listing.limit.max(WALK_MAX),
        };

        // The pool may be the application's, without the settings that make a kept plan safe.
        let mut query = sqlx::query(statement.clone()).persistent(false);
        if let Some(state) = finished(listing.state) {
            query = query.bind(state);
        }
        query = query
            .bind(listing.queue.as_deref())
            .bind(listing.task.as_deref())
            .bind(before(listing))
            .bind(number(listing.limit));
        if listing.state != JobState::Running {
            query = query.bind(number(walk));
        }
        query = query
            .bind(listing.created_from)
            .bind(listing.created_before);
        if listing.state.is_finished() {
            query = query.bind(listing.results);
        }
        let rows = query.all_on(&self.pool).await?;

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
        } else if listing.state != JobState::Running {
            reached(&rows, walk)?
        } else {
            None
        };
        Ok(ListedJobs {
            jobs,
            next: next.map(Position::from_i64),
        })
    }

    /// A page of the jobs that have a tag, of which so many are looked at.
    async fn tagged(&self, listing: &Listing, tag: &str) -> sqlx::Result<ListedJobs> {
        let tagged: Vec<i64> = sqlx::query_scalar(self.statements.tagged_jobs.clone())
            .bind(tag)
            .bind(before(listing))
            .bind(number(NAMED_MAX))
            .persistent(false)
            .all_on(&self.pool)
            .await?;
        let is_last = tagged.len() < NAMED_MAX;
        self.looked_up(listing, tagged, is_last).await
    }

    /// A page of the jobs that are named, of which so many are looked at.
    async fn named(&self, listing: &Listing, names: &[JobId]) -> sqlx::Result<ListedJobs> {
        let before = before(listing);
        let names = names.iter().map(|job| job.as_i64());
        let mut wanted: Vec<i64> = names.filter(|job| *job < before).collect();
        wanted.sort_unstable_by_key(|job| Reverse(*job));
        wanted.dedup();
        let is_last = wanted.len() <= NAMED_MAX;
        wanted.truncate(NAMED_MAX);
        self.looked_up(listing, wanted, is_last).await
    }

    /// Those of the jobs of these ids, newest first, that are asked for.
    async fn looked_up(
        &self,
        listing: &Listing,
        ids: Vec<i64>,
        is_last: bool,
    ) -> sqlx::Result<ListedJobs> {
        let last = ids.last().copied();
        let mut transaction = self.pool.begin().await?;
        sqlx::raw_sql(NO_JIT).execute(&mut *transaction).await?;
        let rows = sqlx::query(self.statements.find_jobs.clone())
            .bind(ids)
            .bind([table(listing.state)])
            .bind(finished(listing.state))
            .bind(listing.results)
            .persistent(false)
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let mut jobs = rows
            .iter()
            .map(row::job)
            .collect::<sqlx::Result<Vec<_>>>()?;
        jobs.retain(|job| listing.matches(job));
        jobs.sort_unstable_by_key(|job| Reverse(job.id));
        let next = if jobs.len() > listing.limit {
            jobs.truncate(listing.limit);
            jobs.last().map(|job| job.id.as_i64())
        } else {
            last.filter(|_| !is_last)
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
            .all_on(&self.pool)
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
            .all_on(&self.pool)
            .await
            .map_err(error)?;
        let queues = sqlx::query(self.statements.count_waiting.clone())
            .bind(COUNT_MAX)
            .persistent(false)
            .all_on(&self.pool)
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
pub(super) const fn finished(state: JobState) -> Option<i16> {
    match state {
        JobState::Completed => Some(1),
        JobState::Failed => Some(2),
        JobState::Cancelled => Some(3),
        JobState::Expired => Some(4),
        JobState::Scheduled | JobState::Ready | JobState::Running => None,
    }
}

/// Whether the jobs that are asked for follow each other in an index.
fn is_found_by_index(listing: &Listing) -> bool {
    let by_kind = listing.queue.is_some() || listing.task.is_some();
    listing.created_from.is_none()
        && listing.created_before.is_none()
        && (listing.state.is_finished() || !by_kind)
}

/// Where a page begins.
fn before(listing: &Listing) -> i64 {
    listing.after.map_or(i64::MAX, Position::as_i64)
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
