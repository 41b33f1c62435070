//! A job in a transaction of diesel.
//!
//! `cargo run --manifest-path examples/orm/Cargo.toml --bin diesel`

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Jsonb, Text};
use pgq::{JobHandle, JobId};
use pgq_examples::Database;
use serde_json::{Value, json};

diesel::table! {
    app_user (id) {
        id -> BigInt,
        email -> Text,
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Adds a job by the name of its task, and returns its number.
    #[sql_name = "pgq_jobs.enqueue"]
    fn enqueue_job(task: Text, input: Jsonb) -> BigInt;
}

#[pgq::task]
async fn send_welcome(email: String) -> anyhow::Result<String> {
    Ok(format!("welcome, {email}"))
}

/// Creates the user and the job, or neither.
fn sign_up(connection: &mut PgConnection, email: &str) -> Result<JobHandle<String>, Error> {
    connection.transaction(|connection| {
        diesel::insert_into(app_user::table)
            .values(app_user::email.eq(email))
            .execute(connection)?;
        let input: Value = json!({ "email": email });
        let job = diesel::select(enqueue_job("send_welcome", input)).get_result(connection)?;
        if !email.contains('@') {
            return Err(Error::RollbackTransaction);
        }
        Ok(JobHandle::from_id(JobId::from_i64(job)))
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    // A worker says which tasks it has when it starts: the function refuses others.
    pgq::run().pool(pgq.pool().clone()).until_idle().await?;
    let mut connection = PgConnection::establish(database.url())?;
    diesel::sql_query(
        "create table if not exists app_user (
            id    bigint not null generated always as identity primary key,
            email text   not null
        )",
    )
    .execute(&mut connection)?;

    let welcome = sign_up(&mut connection, "ada@example.com")?;
    if let Err(error) = sign_up(&mut connection, "nobody") {
        println!("not signed up: {error}");
    }

    let report = pgq::run().pool(pgq.pool().clone()).until_idle().await?;
    println!(
        "{} job completed: {}",
        report.completed,
        welcome.wait(&pgq).await?
    );
    Ok(())
}
