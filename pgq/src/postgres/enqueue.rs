//! Enqueues, on any connection.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgPool, SqlStr};

use super::connection::{Connection, Row};
use super::error::made;
use super::large_input::Parted;
use super::relaxed::OFF;
use super::sql::Statements;
use super::{PostgresDriver, Statement};
use crate::client::Reader;
use crate::driver::{Driver, DriverError, DriverErrorKind, Enqueue, NewJob, Start};
use crate::job::{Durability, JobId, Marks, is_kept_apart};

/// What has failed if an enqueue fails.
pub(super) const NOT_TAKEN: &str = "the database did not take the jobs";

/// Adds jobs, in the transaction that `connection` is in, which is somebody else's: it is as durable as they like.
pub(super) async fn enqueue(
    connection: &mut impl Connection,
    statements: &Statements,
    mut request: Enqueue,
) -> Result<Vec<JobId>, DriverError> {
    request.durability = Durability::Durable;
    enqueue_alone(connection, statements, request).await
}

/// Adds jobs, in a transaction that does nothing else.
pub(super) async fn enqueue_alone(
    connection: &mut impl Connection,
    statements: &Statements,
    enqueue: Enqueue,
) -> Result<Vec<JobId>, DriverError> {
    let (start, jobs) = (enqueue.start, enqueue.jobs.len());
    // The hot statements know nothing of what is kept apart, and stay as fast as they are.
    let apart = enqueue.jobs.iter().any(has_rows_apart);
    let relaxed = &statements.relaxed;
    let is_relaxed = enqueue.durability.is_relaxed();
    let sql = match (start, apart, is_relaxed) {
        (Start::Now, false, false) if jobs == 1 => {
            return enqueue_one(connection, statements, enqueue).await;
        }
        (Start::Now, false, false) => &statements.enqueue_ready,
        (Start::Now, false, true) => &relaxed.enqueue_ready,
        (Start::Now, true, false) => &statements.enqueue_apart_ready,
        (Start::Now, true, true) => &relaxed.enqueue_apart_ready,
        (_, false, false) => &statements.enqueue_scheduled,
        (_, false, true) => &relaxed.enqueue_scheduled,
        (_, true, false) => &statements.enqueue_apart_scheduled,
        (_, true, true) => &relaxed.enqueue_apart_scheduled,
    };
    let statement = insert(sql, enqueue, apart, statements)?;
    let statement = match start {
        Start::Now => statement,
        Start::After(delay) => statement.with(None::<DateTime<Utc>>).with(micros(delay)),
        Start::At(time) => statement.with(Some(time)).with(None::<i64>),
    };
    let statement = match is_relaxed {
        true => statement.with(OFF),
        false => statement,
    };
    let ids = ids(&connection.run(statement).await?)?;
    match ids.len() == jobs {
        true => Ok(ids),
        false => Err(not_all(ids.len(), jobs)),
    }
}

/// Adds a job that is due, which is what most requests are for, by a statement that costs less.
async fn enqueue_one(
    connection: &mut impl Connection,
    statements: &Statements,
    mut enqueue: Enqueue,
) -> Result<Vec<JobId>, DriverError> {
    let input = enqueue.jobs.pop().map(|job| job.input);
    let statement = Statement::new(&statements.enqueue_one, NOT_TAKEN);
    let statement = with_template(statement, enqueue, statements).with(input);
    let ids = ids(&connection.run(statement).await?)?;
    match ids.len() {
        1 => Ok(ids),
        some => Err(not_all(some, 1)),
    }
}

/// Says what is the same for all jobs of a request.
pub(super) fn with_template(
    statement: Statement,
    enqueue: Enqueue,
    statements: &Statements,
) -> Statement {
    statement
        .with(enqueue.task.into_owned())
        .with(enqueue.queue.into_owned())
        .with(enqueue.priority)
        .with(enqueue.max_attempts)
        .with(enqueue.fingerprint)
        .with(statements.schema.as_str())
}

fn insert(
    sql: &SqlStr,
    mut enqueue: Enqueue,
    apart: bool,
    statements: &Statements,
) -> Result<Statement, DriverError> {
    let jobs = std::mem::take(&mut enqueue.jobs);
    let (inputs, apart) = if apart {
        let mut parted = Parted::new(jobs)?;
        (std::mem::take(&mut parted.inline), Some(parted))
    } else {
        let inputs = jobs.into_iter().map(|job| job.input);
        (inputs.collect(), None)
    };
    let statement = Statement::new(sql, NOT_TAKEN).with(inputs);
    let statement = with_template(statement, enqueue, statements);
    Ok(match apart {
        Some(parted) => statement
            .with(parted.marks)
            .with(parted.places)
            .with(parted.large)
            .with(parted.detailed)
            .with(parted.details),
        None => statement,
    })
}

/// Whether a job has rows beside its own.
fn has_rows_apart(job: &NewJob) -> bool {
    job.marks() != Marks::NONE || is_kept_apart(&job.input)
}

/// The ids of the inserted rows. They were drawn in the order of the inputs, but `returning`
/// promises no order.
fn ids(rows: &[impl Row]) -> Result<Vec<JobId>, DriverError> {
    let mut ids = rows
        .iter()
        .map(|row| number(row, 0).map(JobId::from_i64))
        .collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// The error of an answer about some of the jobs: it is that of another statement. One of another schema, for
/// instance, takes no jobs of this one.
pub(super) fn not_all(some: usize, jobs: usize) -> DriverError {
    let problem = format!("the database has answered about {some} jobs, and not {jobs}");
    made(DriverErrorKind::SharedSession, NOT_TAKEN, answered(problem))
}

/// A number that is there.
pub(super) fn number(row: &impl Row, column: usize) -> Result<i64, DriverError> {
    row.big_int(column)?
        .ok_or_else(|| answered("the database has answered with null in the place of a number"))
}

/// The error of an answer that makes no sense.
pub(super) fn answered(problem: impl Into<String>) -> DriverError {
    DriverError::new(DriverErrorKind::Other, problem)
}

/// A duration as the statements take it.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Reader for &PgPool {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(PostgresDriver::new((*self).clone()))
    }
}
