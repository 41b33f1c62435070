//! The tables, and what else statements need.

use pgq::Pgq;
use pgq::driver::{FindingCode, Severity};
use pgq::postgres::STRUCTURE;
use pgq_tests::database::TestDatabase;

use super::{assert_finding, codes, only, run};

#[tokio::test]
async fn the_list_of_what_there_should_be_is_what_the_migrations_make() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (_, sql) = pgq::postgres::STATEMENTS
        .iter()
        .find(|(name, _)| *name == "schema_health")
        .expect("there is such a statement");

    let row = sqlx::query(*sql)
        .bind("pgq_jobs")
        .fetch_one(database.pool())
        .await?;
    let mut found: Vec<String> = sqlx::Row::try_get(&row, "structure")?;
    found.sort();

    let expected: Vec<&str> = STRUCTURE.lines().collect();
    assert_eq!(found, expected, "write it anew:\n{}", found.join("\n"));
    Ok(())
}

#[tokio::test]
async fn a_schema_that_is_missing_is_an_error_that_names_others() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;

    let missing = only(&database).await?;
    let billing = Pgq::from_pool(database.pool().clone()).schema("billing")?;
    billing.migrate().await?;
    let elsewhere = only(&database).await?;
    let found = billing.check_health().await?;

    let expected = (FindingCode::SchemaMissing, Severity::Error);
    let wanted = [database.name(), "`pgq_jobs`", "migrate it"];
    assert_finding(&missing, expected, &wanted);
    assert_finding(&elsewhere, expected, &["tables of pgq in `billing`"]);
    assert_eq!(found, []);
    Ok(())
}

#[tokio::test]
async fn a_schema_of_another_version_is_an_error() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;

    let older = "update pgq_jobs.migration set version = version - 2, oldest_program = version - 2";
    run(database.pool(), older).await?;
    let older = only(&database).await?;
    let newer =
        "update pgq_jobs.migration set version = 1000, oldest_program = 1000 where version = 0";
    run(database.pool(), newer).await?;
    let newer = only(&database).await?;

    run(database.pool(), "delete from pgq_jobs.migration").await?;
    let none = only(&database).await?;

    let expected = (FindingCode::SchemaMissing, Severity::Error);
    assert_finding(&none, expected, &["no pgq schema `pgq_jobs`"]);
    let expected = (FindingCode::SchemaOlder, Severity::Error);
    assert_finding(&older, expected, &["has version 0", "migrate it"]);
    let expected = (FindingCode::SchemaNewer, Severity::Error);
    assert_finding(&newer, expected, &["has version 1000", "deploy a program"]);
    Ok(())
}

#[tokio::test]
async fn what_was_altered_by_hand_is_an_error_that_names_it() -> anyhow::Result<()> {
    let cases = [
        (
            "alter table pgq_jobs.expiry alter column job type int",
            "column `expiry.job` is `integer not null` and not `bigint not null`",
        ),
        (
            "alter table pgq_jobs.worker alter column started_at drop default",
            "column `worker.started_at` is `timestamp with time zone not null` and not",
        ),
        (
            "alter table pgq_jobs.ready add column note text not null",
            "column `ready.note` was added, and has no default",
        ),
        (
            "alter table pgq_jobs.ready rename column attempt to tries",
            "column `ready.attempt` is missing",
        ),
        ("drop table pgq_jobs.pause", "table `pause` is missing"),
        (
            "drop table pgq_jobs.migration",
            "table `migration` is missing",
        ),
        (
            "alter table pgq_jobs.migration drop column checksum",
            "column `migration.checksum` is missing",
        ),
        (
            "drop function pgq_jobs.withdraw",
            "function `withdraw` is missing",
        ),
        (
            "alter sequence pgq_jobs.job_number rename to number",
            "sequence `job_number` is missing",
        ),
    ];
    for (sql, said) in cases {
        let database = TestDatabase::migrated().await?;
        run(database.pool(), sql).await?;

        let found = Pgq::from_pool(database.pool().clone())
            .check_health()
            .await?;

        // With a table go its indexes.
        let (first, others) = found.split_first().expect("it is found");
        let expected = (FindingCode::SchemaAltered, Severity::Error);
        assert_finding(first, expected, &[said, "undo what was done by hand"]);
        let others = codes(others);
        assert!(others.is_empty() || others == [FindingCode::IndexMissing]);
    }
    Ok(())
}

#[tokio::test]
async fn an_index_that_is_missing_is_a_warning() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    run(database.pool(), "drop index pgq_jobs.ready_again").await?;

    let found = only(&database).await?;

    let expected = (FindingCode::IndexMissing, Severity::Warning);
    assert_finding(&found, expected, &["index `ready_again` is missing"]);
    Ok(())
}

#[tokio::test]
async fn what_was_added_beside_the_tables_is_no_finding() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let add = "create table pgq_jobs.mine (id int not null);
               alter table pgq_jobs.ready add column note text;
               create index by_age on pgq_jobs.finished (created_at);
               create view pgq_jobs.own as select 1 as one";
    run(database.pool(), add).await?;

    let found = Pgq::from_pool(database.pool().clone())
        .check_health()
        .await?;

    assert_eq!(found, []);
    Ok(())
}
