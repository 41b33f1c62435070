//! What the functions for other languages know of tasks, and what they leave to the code of those.

use serde::Serialize;
use sqlx::Row as _;

use super::PostgresDriver;
use super::enqueue::micros;
use super::error::driver_error;
use super::pool::OnPool;
use super::unique;
use crate::driver::{DeclaredTask, Described, Description, DriverError};
use crate::job::JobId;

/// A row of `task`.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    key_name: &'a str,
    queue: &'a str,
    priority: i16,
    max_attempts: i16,
    delay: i64,
    expires_in: Option<i64>,
    input_max: Option<usize>,
    tags: &'a [String],
    unique_within: Option<i64>,
    conflict: &'static str,
}

impl PostgresDriver {
    pub(super) async fn declare_all_tasks(
        &self,
        tasks: &[DeclaredTask],
    ) -> Result<(), DriverError> {
        let error = |error| driver_error("failed to declare the tasks", error);
        let rows: Vec<Row<'_>> = tasks.iter().flat_map(rows).collect();
        let rows = serde_json::to_string(&rows)
            .map_err(|source| error(sqlx::Error::Encode(source.into())))?;
        sqlx::query(self.statements.declare_tasks.clone())
            .bind(rows)
            .done_on(&self.pool)
            .await
            .map(|_| ())
            .map_err(error)
    }

    pub(super) async fn describe_job(
        &self,
        description: Description,
    ) -> Result<Described, DriverError> {
        let key = description.key.as_ref();
        let row = sqlx::query(self.statements.describe_job.clone())
            .bind(description.worker.as_i64())
            .bind(description.job.as_i64())
            .bind(description.claim)
            .bind(description.concurrency_key)
            .bind(description.order_key)
            .bind(description.rate_key)
            .bind(key.map(|key| key.key.as_slice()))
            .bind(key.and_then(|key| key.within).map(micros))
            .bind(key.map(|key| unique::name(key.conflict)))
            .one_on(&self.pool)
            .await;
        row.and_then(|row| {
            let outcome: String = row.try_get("outcome")?;
            let other: Option<i64> = row.try_get("other")?;
            Ok(match &*outcome {
                "held" => Described::Held,
                "same" => Described::Same(other.map(JobId::from_i64)),
                _ => Described::Gone,
            })
        })
        .map_err(|error| driver_error("failed to describe a job", error))
    }
}

/// One for each of its names.
fn rows(task: &DeclaredTask) -> impl Iterator<Item = Row<'_>> {
    let row = |name| Row {
        name,
        key_name: &task.key_name,
        queue: &task.queue,
        priority: task.priority,
        max_attempts: task.max_attempts,
        delay: micros(task.delay),
        expires_in: task.expires.map(micros),
        input_max: task.input_max,
        tags: &task.tags,
        unique_within: task.unique_within.map(micros),
        conflict: unique::name(task.conflict),
    };
    task.names.iter().map(move |name| row(name))
}
