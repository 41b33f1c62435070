//! Enqueues of jobs that may be the same as others.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Statement;
use super::connection::{Connection, Row};
use super::enqueue::{NOT_TAKEN, answered, micros, not_all, number, with_template};
use super::large_input::Parted;
use super::relaxed::OFF;
use super::sql::Statements;
use crate::driver::{DriverError, Enqueue, KeyedJobs, Start};
use crate::job::{Conflict, Durability, Enqueued, JobId};

/// Adds those of the jobs that are not the same as others, in the transaction that `connection` is in, which is
/// somebody else's: it is as durable as they like.
pub(super) async fn enqueue_unique(
    connection: &mut impl Connection,
    statements: &Statements,
    mut request: Enqueue,
) -> Result<KeyedJobs, DriverError> {
    request.durability = Durability::Durable;
    enqueue_unique_alone(connection, statements, request).await
}

/// Adds those of the jobs that are not the same as others, in a transaction that does nothing else.
pub(super) async fn enqueue_unique_alone(
    connection: &mut impl Connection,
    statements: &Statements,
    mut enqueue: Enqueue,
) -> Result<KeyedJobs, DriverError> {
    let is_relaxed = enqueue.durability.is_relaxed();
    let sql = match is_relaxed {
        true => &statements.relaxed.enqueue_unique,
        false => &statements.enqueue_unique,
    };
    let conflict = conflict(&enqueue);
    let jobs = enqueue.jobs.len();
    let (run_at, delay) = start(enqueue.start);
    let parted = Parted::new(std::mem::take(&mut enqueue.jobs))?;
    let statement = Statement::new(sql, NOT_TAKEN).with(parted.inline);
    let statement = with_template(statement, enqueue, statements)
        .with(parted.marks)
        .with(parted.places)
        .with(parted.large)
        .with(parted.detailed)
        .with(parted.details)
        .with(parted.keys)
        .with(parted.periods)
        .with(name(conflict))
        .with(run_at)
        .with(delay);
    let statement = match is_relaxed {
        true => statement.with(OFF),
        false => statement,
    };
    let outcome = outcome(&connection.run(statement).await?)?;
    match &outcome {
        KeyedJobs::Enqueued(some) if some.len() != jobs => Err(not_all(some.len(), jobs)),
        _ => Ok(outcome),
    }
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

/// What became of a job, as the statements name it.
pub(super) fn enqueued(outcome: &str) -> Result<Enqueued, DriverError> {
    match outcome {
        "new" => Ok(Enqueued::New),
        "replaced" => Ok(Enqueued::Replaced),
        "existing" => Ok(Enqueued::Existing),
        other => Err(answered(format!(
            "the database has answered with the unknown outcome `{other}`"
        ))),
    }
}

fn outcome(rows: &[impl Row]) -> Result<KeyedJobs, DriverError> {
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        let job = row.big_int(1)?;
        let enqueued = match row.text(2)? {
            "refused" => return Ok(KeyedJobs::Refused(job.map(JobId::from_i64))),
            outcome => enqueued(outcome)?,
        };
        let place = number(row, 0)?;
        let job = number(row, 1)?;
        jobs.push((place, JobId::from_i64(job), enqueued));
    }
    jobs.sort_unstable_by_key(|(place, ..)| *place);
    let jobs = jobs.into_iter().map(|(_, job, enqueued)| (job, enqueued));
    Ok(KeyedJobs::Enqueued(jobs.collect()))
}
