//! What jobs are enqueued through beside pgq itself. Each gets the very request that pgq would
//! have sent, so that inputs are made and encoded alike.

use std::time::Duration;

use pgq::driver::{Driver as _, DriverError, DriverErrorKind, Enqueue, NewJob, Start};
use pgq::postgres::PostgresDriver;
use pgq::{Enqueuer, JobId};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row as _};

use crate::schema;

/// Inserts the rows of jobs that nobody is woken for.
#[derive(Debug)]
pub(crate) struct WithoutWakeUp<'a>(pub(crate) &'a mut PgConnection);

/// Inserts rows like those of jobs into a table that nobody looks at.
#[derive(Debug)]
pub(crate) struct Bare<'a> {
    pub(crate) connection: &'a mut PgConnection,
    /// The numbers of the rows follow this one.
    pub(crate) after: i64,
}

/// As [`Bare`], and notifies whoever listens to [`CHANNEL`].
#[derive(Debug)]
pub(crate) struct BareAndNotify<'a> {
    pub(crate) connection: &'a mut PgConnection,
    /// The numbers of the rows follow this one.
    pub(crate) after: i64,
}

/// The channel of [`BareAndNotify`].
pub(crate) const CHANNEL: &str = "bare";

/// Enqueues jobs that are due a moment later, and so must be promoted before they run.
#[derive(Debug)]
pub(crate) struct Delayed<'a>(pub(crate) &'a PostgresDriver);

/// The shortest delay.
const MOMENT: Duration = Duration::from_micros(1);

impl Enqueuer for WithoutWakeUp<'_> {
    async fn enqueue(self, mut enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        // Each as pgq does it.
        if enqueue.jobs.len() == 1 {
            let input = enqueue.jobs.pop().map(|job| job.input);
            let query = sqlx::query(schema::INSERT_ONE_WITHOUT_WAKE_UP);
            return fetch(self.0, with_template(query, enqueue).bind(input)).await;
        }
        insert(self.0, schema::INSERT_WITHOUT_WAKE_UP, enqueue, None).await
    }
}

impl Enqueuer for Bare<'_> {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let Self { connection, after } = self;
        insert(connection, schema::INSERT_BARE, enqueue, Some(after)).await
    }
}

impl Enqueuer for BareAndNotify<'_> {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        let Self { connection, after } = self;
        let sql = schema::INSERT_BARE_AND_NOTIFY;
        insert(connection, sql, enqueue, Some(after)).await
    }
}

impl Enqueuer for Delayed<'_> {
    async fn enqueue(self, mut enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        enqueue.start = Start::After(MOMENT);
        self.0.enqueue(enqueue).await
    }
}

type Insert = Query<'static, Postgres, PgArguments>;

async fn insert(
    connection: &mut PgConnection,
    sql: &'static str,
    mut enqueue: Enqueue,
    after: Option<i64>,
) -> Result<Vec<JobId>, DriverError> {
    let query = sqlx::query(sql).bind(inputs(std::mem::take(&mut enqueue.jobs)));
    let mut query = with_template(query, enqueue);
    if let Some(after) = after {
        query = query.bind(after);
    }
    fetch(connection, query).await
}

/// Says what is the same for all jobs of a request.
fn with_template(query: Insert, enqueue: Enqueue) -> Insert {
    query
        .bind(enqueue.task.into_owned())
        .bind(enqueue.queue.into_owned())
        .bind(enqueue.priority)
        .bind(enqueue.max_attempts)
        .bind(enqueue.fingerprint)
}

async fn fetch(connection: &mut PgConnection, query: Insert) -> Result<Vec<JobId>, DriverError> {
    let rows = query.fetch_all(connection).await;
    rows.and_then(|rows| {
        rows.iter()
            .map(|row| row.try_get(0).map(JobId::from_i64))
            .collect()
    })
    .map_err(|error| DriverError::new(DriverErrorKind::Other, "cannot insert").with_source(error))
}

fn inputs(jobs: Vec<NewJob>) -> Vec<Vec<u8>> {
    jobs.into_iter().map(|job| job.input).collect()
}

/// Keeps the inputs of jobs as they would be stored.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Captured {
    pub(crate) inputs: Vec<Vec<u8>>,
}

#[cfg(test)]
impl Enqueuer for &mut Captured {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        self.inputs = inputs(enqueue.jobs);
        Ok(Vec::new())
    }
}
