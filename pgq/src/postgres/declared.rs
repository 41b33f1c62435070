//! What the functions for other languages know of tasks.

use serde::Serialize;

use super::PostgresDriver;
use super::enqueue::micros;
use super::error::driver_error;
use super::unique;
use crate::driver::{DeclaredTask, DriverError};

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
    is_unique: bool,
    is_keyed: bool,
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
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(error)
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
        is_unique: task.is_unique,
        is_keyed: task.is_keyed,
        unique_within: task.unique_within.map(micros),
        conflict: unique::name(task.conflict),
    };
    task.names.iter().map(move |name| row(name))
}
