//! Producers in other languages, beside a worker in Rust.
//!
//! Needs `psql`, and Python with `venv` and a package registry; so a plain `cargo test` leaves it out:
//! `cargo test -p pgq-tests --features languages --test languages`.

mod psql;
mod python;

use pgq::{Registry, Run, Task};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::drain;
use sqlx::AssertSqlSafe;

#[pgq::task(register = false)]
async fn send_welcome(email: String) -> anyhow::Result<String> {
    Ok(format!("welcome, {email}"))
}

/// A worker of one task on the database of the test.
fn worker<T: Task>(database: &TestDatabase) -> Run {
    Run::new(Registry::new())
        .task::<T>()
        .pool(database.pool().clone())
        .without_signals()
}

/// A database in which a worker has said that it has the task.
async fn database_of<T: Task>() -> anyhow::Result<TestDatabase> {
    let database = TestDatabase::migrated().await?;
    drain(worker::<T>(&database)).await?;
    Ok(database)
}

/// What an expression comes to, as text.
async fn value(database: &TestDatabase, expression: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(AssertSqlSafe(format!("select ({expression})::text")))
        .fetch_one(database.pool())
        .await
}
