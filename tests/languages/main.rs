//! Producers in other languages, beside a worker in Rust.
//!
//! Needs `psql`, and Python with `venv` and a package registry; so a plain `cargo test` leaves it out:
//! `cargo test -p pgq-tests --features languages --test languages`.

mod psql;
mod python;

use pgq_tests::database::TestDatabase;
use sqlx::AssertSqlSafe;

#[pgq::task(register = false)]
async fn send_welcome(email: String) -> anyhow::Result<String> {
    Ok(format!("welcome, {email}"))
}

/// What an expression comes to, as text.
async fn value(database: &TestDatabase, expression: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(AssertSqlSafe(format!("select ({expression})::text")))
        .fetch_one(database.pool())
        .await
}
