//! Enqueues, on any connection of sqlx.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, PgPool, Postgres, Row, SqlStr, Transaction};

use super::PostgresDriver;
use super::error::driver_error;
use super::large_input::Parted;
use super::schema::Schema;
use super::sql::Statements;
use super::unique::enqueue_unique;
use crate::client::{Enqueuer, Reader};
use crate::driver::{Driver, DriverError, Enqueue, KeyedJobs, NewJob, Start};
use crate::job::{JobId, Marks, is_kept_apart};

/// Adds jobs, in the transaction that `connection` is in.
pub(crate) async fn enqueue(
    connection: &mut PgConnection,
    statements: &Statements,
    enqueue: Enqueue,
) -> Result<Vec<JobId>, DriverError> {
    let error = |error| driver_error("the database did not take the jobs", error);
    let start = enqueue.start;
    // The hot statements know nothing of what is kept apart, and stay as fast as they are.
    let apart = enqueue.jobs.iter().any(has_rows_apart);
    let sql = match (start, apart) {
        (Start::Now, false) => &statements.enqueue_ready,
        (Start::Now, true) => &statements.enqueue_apart_ready,
        (_, false) => &statements.enqueue_scheduled,
        (_, true) => &statements.enqueue_apart_scheduled,
    };
    let query = insert(sql.clone(), enqueue, apart, statements).map_err(error)?;
    let query = match start {
        Start::Now => query,
        Start::After(delay) => query.bind(None::<DateTime<Utc>>).bind(micros(delay)),
        Start::At(time) => query.bind(time).bind(None::<i64>),
    };
    query
        .fetch_all(connection)
        .await
        .and_then(|rows| ids(&rows))
        .map_err(error)
}

fn insert(
    sql: SqlStr,
    enqueue: Enqueue,
    apart: bool,
    statements: &Statements,
) -> sqlx::Result<Query<'static, Postgres, PgArguments>> {
    let (inputs, apart) = if apart {
        let mut parted = Parted::new(enqueue.jobs)?;
        (std::mem::take(&mut parted.inline), Some(parted))
    } else {
        let inputs = enqueue.jobs.into_iter().map(|job| job.input);
        (inputs.collect(), None)
    };
    let query = sqlx::query(sql)
        .bind(inputs)
        .bind(enqueue.task.into_owned())
        .bind(enqueue.queue.into_owned())
        .bind(enqueue.priority)
        .bind(enqueue.max_attempts)
        .bind(enqueue.fingerprint)
        .bind(statements.schema.as_str().to_owned());
    Ok(match apart {
        Some(parted) => query
            .bind(parted.marks)
            .bind(parted.places)
            .bind(parted.large)
            .bind(parted.detailed)
            .bind(parted.details),
        None => query,
    })
}

/// Whether a job has rows beside its own.
fn has_rows_apart(job: &NewJob) -> bool {
    job.marks() != Marks::NONE || is_kept_apart(&job.input)
}

/// The ids of the inserted rows. They were drawn in the order of the inputs, but `returning`
/// promises no order.
fn ids(rows: &[PgRow]) -> sqlx::Result<Vec<JobId>> {
    let mut ids = rows
        .iter()
        .map(|row| row.try_get(0).map(JobId::from_i64))
        .collect::<sqlx::Result<Vec<_>>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// A duration as the statements take it.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// One statement, so it commits by itself unless the connection is in a transaction.
async fn enqueue_here(
    connection: &mut PgConnection,
    request: Enqueue,
) -> Result<Vec<JobId>, DriverError> {
    enqueue(connection, &Statements::of(&Schema::default()), request).await
}

async fn unique_here(
    connection: &mut PgConnection,
    request: Enqueue,
) -> Result<KeyedJobs, DriverError> {
    enqueue_unique(connection, &Statements::of(&Schema::default()), request).await
}

impl Enqueuer for &mut PgConnection {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        enqueue_here(self, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        unique_here(self, enqueue).await
    }
}

impl Enqueuer for &mut PoolConnection<Postgres> {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        enqueue_here(self, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        unique_here(self, enqueue).await
    }
}

impl Enqueuer for &mut Transaction<'_, Postgres> {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        enqueue_here(self, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        unique_here(self, enqueue).await
    }
}

impl Enqueuer for &PgPool {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let mut connection = self
            .acquire()
            .await
            .map_err(|error| driver_error("no connection to enqueue through", error))?;
        enqueue_here(&mut connection, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        let mut connection = self
            .acquire()
            .await
            .map_err(|error| driver_error("no connection to enqueue through", error))?;
        unique_here(&mut connection, enqueue).await
    }
}

impl Reader for &PgPool {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(PostgresDriver::new((*self).clone()))
    }
}
