//! The functions of the schema: what any program can do that speaks SQL.

mod arguments;
mod change;
mod enqueue;
mod manual;
mod unread;

use pgq::{JobHandle, Run, Task};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{self, DEADLINE, database_of, drain};
use sqlx::{AssertSqlSafe, PgPool};

#[pgq::task(
    name = "functions/charge",
    aliases = ["functions/bill"],
    queue = "money",
    priority = 3,
    max_attempts = 4,
    expires = "1h",
    tags = ["billing"],
    input_max = "200KiB"
)]
async fn charge(customer: String, #[default = 100] cents: u64) -> anyhow::Result<String> {
    Ok(format!("{customer} pays {cents}"))
}

/// A worker of one task on the database of the test, and of the queue of `charge`.
fn worker<T: Task>(database: &TestDatabase) -> Run {
    drain::worker::<T>(database).queue("default").queue("money")
}

/// What an expression comes to.
async fn value<V>(pool: &PgPool, sql: &str) -> sqlx::Result<V>
where
    V: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(AssertSqlSafe(format!("select {sql}")))
        .fetch_one(pool)
        .await
}

/// The code and the message with which a call fails.
async fn refused(pool: &PgPool, sql: &str) -> anyhow::Result<(String, String)> {
    let run = sqlx::query(AssertSqlSafe(format!("select {sql}")));
    let Err(error) = run.fetch_all(pool).await else {
        anyhow::bail!("{sql} does not fail");
    };
    let Some(error) = error.as_database_error() else {
        anyhow::bail!("{error}");
    };
    let code = error.code().unwrap_or_default().into_owned();
    Ok((code, error.message().to_owned()))
}

fn handle<T: Task>(job: i64) -> JobHandle<T::Output> {
    JobHandle::from_id(pgq::JobId::from_i64(job))
}
