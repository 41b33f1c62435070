//! Enqueues of jobs that may be the same as others.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::enqueue::micros;
use super::error::driver_error;
use super::large_input::Parted;
use super::sql::Statements;
use crate::driver::{DriverError, Enqueue, KeyedJobs, Start};
use crate::job::{Conflict, Enqueued, JobId};

/// Adds those of the jobs that are not the same as others, in the transaction that `connection` is in.
pub(crate) async fn enqueue_unique(
    connection: &mut PgConnection,
    statements: &Statements,
    enqueue: Enqueue,
) -> Result<KeyedJobs, DriverError> {
    let error = |error| driver_error("the database did not take the jobs", error);
    let conflict = conflict(&enqueue);
    let (run_at, delay) = start(enqueue.start);
    let parted = Parted::new(enqueue.jobs).map_err(error)?;
    sqlx::query(statements.enqueue_unique.clone())
        .bind(parted.inline)
        .bind(enqueue.task.into_owned())
        .bind(enqueue.queue.into_owned())
        .bind(enqueue.priority)
        .bind(enqueue.max_attempts)
        .bind(enqueue.fingerprint)
        .bind(statements.schema.as_str().to_owned())
        .bind(parted.marks)
        .bind(parted.places)
        .bind(parted.large)
        .bind(parted.detailed)
        .bind(parted.details)
        .bind(parted.keys)
        .bind(parted.periods)
        .bind(name(conflict))
        .bind(run_at)
        .bind(delay)
        .fetch_all(connection)
        .await
        .and_then(|rows| outcome(&rows))
        .map_err(error)
}

/// What becomes of the jobs of an enqueue that are the same as others.
pub(super) fn conflict(enqueue: &Enqueue) -> Conflict {
    let key = enqueue.jobs.iter().find_map(|job| job.key.as_ref());
    key.map(|key| key.conflict).unwrap_or_default()
}

/// How the statements name it.
pub(super) const fn name(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::Skip => "skip",
        Conflict::Replace => "replace",
        Conflict::Raise => "raise",
    }
}

fn start(start: Start) -> (Option<DateTime<Utc>>, Option<i64>) {
    match start {
        Start::Now | Start::After(Duration::ZERO) => (None, None),
        Start::After(delay) => (None, Some(micros(delay))),
        Start::At(time) => (Some(time), None),
    }
}

fn outcome(rows: &[PgRow]) -> sqlx::Result<KeyedJobs> {
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        let job: Option<i64> = row.try_get(1)?;
        let enqueued = match row.try_get(2)? {
            "new" => Enqueued::New,
            "replaced" => Enqueued::Replaced,
            "existing" => Enqueued::Existing,
            "refused" => return Ok(KeyedJobs::Refused(job.map(JobId::from_i64))),
            other => {
                return Err(sqlx::Error::Decode(
                    format!("unknown outcome `{other}`").into(),
                ));
            }
        };
        let place: i64 = row.try_get(0)?;
        let job = job.ok_or_else(|| sqlx::Error::Decode("a job without a number".into()))?;
        jobs.push((place, JobId::from_i64(job), enqueued));
    }
    jobs.sort_unstable_by_key(|(place, ..)| *place);
    let jobs = jobs.into_iter().map(|(_, job, enqueued)| (job, enqueued));
    Ok(KeyedJobs::Enqueued(jobs.collect()))
}
