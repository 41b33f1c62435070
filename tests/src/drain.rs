//! Runs workers until there is nothing left to do.

use std::time::Duration;

use pgq::{Registry, Report, Run, Task};

use crate::database::TestDatabase;

/// How long a run may take. Only a test that fails takes so long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A worker of one task on the database of a test.
pub fn worker<T: Task>(database: &TestDatabase) -> Run {
    Run::new(Registry::new())
        .task::<T>()
        .pool(database.pool().clone())
        .without_signals()
}

/// A database in which a worker has said that it has the task.
///
/// # Errors
///
/// Fails if there is no database, or if the worker cannot run.
pub async fn database_of<T: Task>() -> anyhow::Result<TestDatabase> {
    let database = TestDatabase::migrated().await?;
    drain(worker::<T>(&database)).await?;
    Ok(database)
}

/// Runs every job that is due, and returns once there is none.
///
/// # Errors
///
/// Fails if the run does, or if it is not idle within [`DEADLINE`].
pub async fn drain(run: Run) -> anyhow::Result<Report> {
    let report = run.until_idle().deadline(DEADLINE).await?;
    anyhow::ensure!(report.idle, "not idle within {DEADLINE:?}: {report:?}");
    Ok(report)
}
