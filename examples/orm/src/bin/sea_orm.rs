//! A job in a transaction of SeaORM.
//!
//! `cargo run --manifest-path examples/orm/Cargo.toml --bin sea_orm`

use anyhow::Context as _;
use pgq::{JobHandle, JobId};
use pgq_examples::Database;
use sea_orm::{
    ActiveModelTrait as _, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Set, Statement,
    TransactionTrait as _,
};
use serde_json::{Value, json};

mod app_user {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "app_user")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub email: String,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[pgq::task]
async fn send_welcome(email: String) -> anyhow::Result<String> {
    Ok(format!("welcome, {email}"))
}

/// Adds a job by the name of its task, and returns its number.
async fn enqueue_job(
    connection: &impl ConnectionTrait,
    task: &str,
    input: Value,
) -> Result<i64, DbErr> {
    let enqueue = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "select pgq_jobs.enqueue($1, $2) as job",
        [task.into(), input.into()],
    );
    let row = connection.query_one_raw(enqueue).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("no answer".to_owned()))?
        .try_get("", "job")
}

/// Creates the user and the job, or neither.
async fn sign_up(
    connection: &DatabaseConnection,
    email: &str,
) -> anyhow::Result<JobHandle<String>> {
    let transaction = connection.begin().await?;
    let user = app_user::ActiveModel {
        email: Set(email.to_owned()),
        ..Default::default()
    };
    user.insert(&transaction).await?;
    let job = enqueue_job(&transaction, "send_welcome", json!({ "email": email })).await?;
    if !email.contains('@') {
        transaction.rollback().await?;
        anyhow::bail!("`{email}` is no address");
    }
    transaction.commit().await?;
    Ok(JobHandle::from_id(JobId::from_i64(job)))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    // A worker says which tasks it has when it starts: the function refuses others.
    pgq::run().pool(pgq.pool().clone()).until_idle().await?;
    let connection = sea_orm::Database::connect(database.url())
        .await
        .context("SeaORM cannot connect")?;
    connection
        .execute_unprepared(
            "create table if not exists app_user (
                id    bigint not null generated always as identity primary key,
                email text   not null
            )",
        )
        .await?;

    let welcome = sign_up(&connection, "ada@example.com").await?;
    if let Err(error) = sign_up(&connection, "nobody").await {
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
