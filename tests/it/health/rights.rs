//! What a user may not do.

use pgq::Pgq;
use pgq::driver::{Finding, FindingCode, Severity};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::{DEADLINE, Guest, assert_finding, codes, nothing, run, worker};

/// What an advice says to run.
fn statements(finding: &Finding) -> &str {
    finding.advice.split('`').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn each_right_that_is_missing_comes_with_its_grant() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let guest = Guest::of(&database).await?;

    let none = guest.check().await?;
    run(database.pool(), statements(&none[0])).await?;
    let granted = guest.check().await?;
    let revoke = format!("revoke delete on pgq_jobs.ready from {}", guest.name);
    run(database.pool(), &revoke).await?;
    let revoked = guest.check().await?;
    run(database.pool(), statements(&granted[0])).await?;
    let owner = guest.check().await?;
    guest.leave(&database).await?;

    assert_eq!(
        codes(&none),
        [FindingCode::GrantsMissing, FindingCode::NotOwner]
    );
    let wanted = [
        "usage, create on the schema",
        "delete, insert, select, update on ",
        "usage on job_number",
    ];
    let expected = (FindingCode::GrantsMissing, Severity::Error);
    assert_finding(&none[0], expected, &wanted);
    assert_eq!(codes(&granted), [FindingCode::NotOwner]);
    let wanted = ["does not own the tables", "partitions of the history"];
    assert_finding(
        &granted[0],
        (FindingCode::NotOwner, Severity::Error),
        &wanted,
    );
    let wanted = [
        "lacks delete on ready;",
        "grant delete on pgq_jobs.ready to",
    ];
    assert_finding(&revoked[0], expected, &wanted);
    // Who is a member of the owner has the owner's rights.
    assert_eq!(owner, []);
    Ok(())
}

#[tokio::test]
async fn a_worker_of_a_user_without_rights_is_told_all_of_them() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let guest = Guest::of(&database).await?;
    let pool = PgPool::connect_lazy_with(guest.options.clone());

    let refused = worker(&pool).once().deadline(DEADLINE).await.err();
    pool.close().await;
    guest.leave(&database).await?;

    let Some(pgq::Error::Driver(refused)) = refused else {
        anyhow::bail!("{refused:?}");
    };
    assert_eq!(
        codes(refused.findings()),
        [FindingCode::GrantsMissing, FindingCode::NotOwner]
    );
    assert!(
        refused
            .to_string()
            .starts_with("2 problems with the database:\n- grants-missing: "),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn who_owns_the_schema_and_nothing_else_has_all_rights() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let guest = Guest::of(&database).await?;
    let give = format!("create schema pgq_jobs authorization {}", guest.name);
    run(database.pool(), &give).await?;
    let pool = PgPool::connect_lazy_with(guest.options.clone());

    let started = async {
        Pgq::from_pool(pool.clone()).migrate().await?;
        nothing::enqueue(&pool).await?;
        worker(&pool).until_idle().await
    };
    let started = started.await;
    let found = guest.check().await;
    pool.close().await;
    guest.leave(&database).await?;

    assert_eq!(found?, []);
    assert_eq!(started?.completed, 1);
    Ok(())
}
