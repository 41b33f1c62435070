//! A job that exists when, and only when, the row that it is about does.
//!
//! `cargo run --example transactional_enqueue`

use anyhow::bail;
use pgq::{JobHandle, Pgq};
use pgq_examples::Database;
use sqlx::PgPool;

/// Takes the pool by reference: that is shared state, not input.
#[pgq::task]
async fn send_welcome(db: &PgPool, user: i64) -> anyhow::Result<String> {
    // The row is there: the job did not exist before it was committed.
    let email: String = sqlx::query_scalar("select email from app_user where id = $1")
        .bind(user)
        .fetch_one(db)
        .await?;
    Ok(format!("welcome, {email}"))
}

/// Creates the user and the job, or neither.
async fn sign_up(pgq: &Pgq, email: &str) -> anyhow::Result<JobHandle<String>> {
    let mut transaction = pgq.pool().begin().await?;
    let user: i64 = sqlx::query_scalar("insert into app_user (email) values ($1) returning id")
        .bind(email)
        .fetch_one(&mut *transaction)
        .await?;
    let job = send_welcome::enqueue(&mut transaction, user).await?;
    if !email.contains('@') {
        // The transaction is dropped, and so rolled back.
        bail!("`{email}` is no address");
    }
    transaction.commit().await?;
    Ok(job)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    sqlx::raw_sql(
        "create table if not exists app_user (
            id    bigint not null generated always as identity,
            email text   not null
        )",
    )
    .execute(pgq.pool())
    .await?;

    let welcome = sign_up(&pgq, "ada@example.com").await?;
    if let Err(error) = sign_up(&pgq, "nobody").await {
        println!("not signed up: {error}");
    }

    // `until_idle` returns when nothing is left to do.
    let report = pgq::run().pool(pgq.pool().clone()).until_idle().await?;

    println!(
        "{} job completed: {}",
        report.completed,
        welcome.wait(&pgq).await?
    );
    Ok(())
}
