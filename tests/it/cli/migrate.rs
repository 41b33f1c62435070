//! Migrations on the command line.

use pgq_tests::database::TestDatabase;
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::{Cli, command};

#[tokio::test]
async fn an_empty_database_is_migrated() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let cli = Cli::on(&database);

    let missing = cli.refused(&["jobs", "list"]).await?;
    assert_eq!(
        missing,
        "error: the database has no pgq schema `pgq_jobs`; run `pgq migrate`, or correct `--schema`\n"
    );
    assert_eq!(
        cli.done(&["migrate"]).await?,
        "the schema `pgq_jobs` is ready\n"
    );
    // It finds nothing to do.
    assert_eq!(cli.one(&["migrate"]).await?, json!({"schema": "pgq_jobs"}));
    cli.done(&["jobs", "list"]).await?;

    cli.done(&["migrate", "--schema", "billing"]).await?;
    cli.done(&["jobs", "list", "--schema", "billing"]).await?;
    let missing = cli.refused(&["jobs", "list", "--schema", "other"]).await?;
    assert!(missing.contains("no pgq schema `other`"), "{missing}");
    Ok(())
}

#[tokio::test]
async fn what_is_printed_for_a_dba_makes_the_schema() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let cli = Cli::on(&database);

    // It needs no database.
    let printed = command(&["migrate", "--print", "--schema", "billing"]).output()?;
    assert!(printed.status.success());
    let script = String::from_utf8(printed.stdout)?;
    assert!(
        !script.contains("pgq_jobs."),
        "the name of another schema is left"
    );
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(database.pool())
        .await?;

    cli.done(&["workers", "--schema", "billing"]).await?;
    cli.done(&["migrate", "--schema", "billing"]).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_printed_needs_nothing_but_the_schema() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let role = format!("{}_guest", database.name());
    let give = format!("create role {role} login; create schema pgq_jobs authorization {role}");
    let mut connection = database.pool().acquire().await?;
    sqlx::raw_sql(AssertSqlSafe(give))
        .execute(&mut *connection)
        .await?;
    let printed = command(&["migrate", "--print"]).output()?;
    let script = String::from_utf8(printed.stdout)?;

    let script = format!("set role {role};\n{script};\nreset role");
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut *connection)
        .await?;

    Cli::on(&database).done(&["migrate"]).await?;
    let clean_up = format!("drop schema pgq_jobs cascade; drop role {role}");
    sqlx::raw_sql(AssertSqlSafe(clean_up))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

#[tokio::test]
async fn roles_are_made_and_printed() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let cli = Cli::on(&database);
    let schema = database.name();

    let made = cli.one(&["migrate", "--roles", "--schema", schema]).await?;

    let roles = ["owner", "worker", "producer", "reader"].map(|role| format!("{schema}_{role}"));
    assert_eq!(made, json!({"schema": schema, "roles": roles}));
    let printed = command(&["migrate", "--print", "--roles", "--schema", schema]).output()?;
    let script = String::from_utf8(printed.stdout)?;
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(database.pool())
        .await?;
    let left = roles.map(|role| format!("drop owned by {role} cascade; drop role {role}"));
    sqlx::raw_sql(AssertSqlSafe(left.join("; ")))
        .execute(database.pool())
        .await?;

    let long = "a".repeat(60);
    let refused = cli
        .refused(&["migrate", "--roles", "--schema", &long])
        .await?;
    assert!(refused.contains("54 bytes at most"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn jobs_are_made_unlogged_and_that_is_printed() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let cli = Cli::on(&database);
    let arguments = ["migrate", "--unlogged", "--schema", "scratch"];

    let made = cli.one(&arguments).await?;

    assert_eq!(made, json!({"schema": "scratch", "unlogged": true}));
    let printed = command(&["migrate", "--print", "--unlogged", "--schema", "scratch"]).output()?;
    let script = String::from_utf8(printed.stdout)?;
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(database.pool())
        .await?;
    let sql = "select relpersistence = 'u' from pg_class where oid = 'scratch.ready'::regclass";
    let is_unlogged: bool = sqlx::query_scalar(sql).fetch_one(database.pool()).await?;
    assert!(is_unlogged);
    Ok(())
}
