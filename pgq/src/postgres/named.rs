//! Enqueues by the names of tasks.

use super::Statement;
use super::connection::{Connection, Row};
use super::enqueue::{NOT_TAKEN, answered, micros, not_all, number};
use super::sql::Statements;
use super::unique::{enqueued, name};
use crate::driver::{DriverError, EnqueueNamed, EnqueuedNamed, Start};
use crate::job::{Conflict, JobId};

/// Adds a job, in the transaction that `connection` is in.
pub(super) async fn enqueue_named(
    connection: &mut impl Connection,
    statements: &Statements,
    request: EnqueueNamed,
) -> Result<EnqueuedNamed, DriverError> {
    let (run_at, delay) = match request.start {
        None => (None, None),
        Some(Start::Now) => (None, Some(0)),
        Some(Start::After(delay)) => (None, Some(micros(delay))),
        Some(Start::At(time)) => (Some(time), None),
    };
    let headers = serde_json::to_string(&request.headers)
        .map_err(|error| answered("the headers cannot be written").with_source(error))?;
    // An error of the server would spoil the transaction, so the answer says whether there is one already.
    let conflict = request.conflict.map(|conflict| match conflict {
        Conflict::Raise => name(Conflict::Skip),
        other => name(other),
    });
    let keys: Vec<String> = request.unique_key.into_iter().collect();
    let statement = Statement::new(&statements.enqueue_named, NOT_TAKEN)
        .with(request.task)
        .with(vec![request.input])
        .with(request.queue.unwrap_or_default())
        .with(request.priority.map(i64::from))
        .with(run_at)
        .with(delay)
        .with(request.max_attempts.map(i64::from))
        .with(request.expires_in.map(micros))
        .with(request.tags)
        .with(headers)
        .with(keys)
        .with(request.unique_within.map(micros))
        .with(conflict.unwrap_or_default())
        .with(i64::from(request.may_be_unknown))
        .with(statements.schema.as_str());
    let rows = connection.run(statement).await?;
    let [row] = &*rows else {
        return Err(not_all(rows.len(), 1));
    };
    Ok(EnqueuedNamed {
        job: JobId::from_i64(number(row, 0)?),
        enqueued: enqueued(row.text(1)?)?,
        queue: row.text(2)?.to_owned(),
    })
}
