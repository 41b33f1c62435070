//! Settings of sessions, whoever has made them.

use std::process::Command;

use pgq::Pgq;
use pgq::driver::{FindingCode, Severity};
use pgq_tests::database::TestDatabase;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};

use super::{assert_finding, codes, only, run};

/// Lets each new session of this user in the database of the test begin with a setting.
async fn set(database: &TestDatabase, name: &str, value: &str) -> anyhow::Result<()> {
    let of = database.name();
    let set = format!("alter role current_user in database {of} set {name} = '{value}'");
    run(database.pool(), &set).await
}

/// The pool of an application that does something each time it connects.
async fn pool_that(database: &TestDatabase, does: &'static str) -> anyhow::Result<PgPool> {
    let pool = PgPoolOptions::new().after_connect(move |connection, _| {
        Box::pin(async move {
            connection.execute(AssertSqlSafe(does)).await?;
            Ok(())
        })
    });
    Ok(pool.connect(database.url()).await?)
}

#[tokio::test]
async fn another_isolation_level_is_an_error() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    set(
        &database,
        "default_transaction_isolation",
        "repeatable read",
    )
    .await?;

    let found = only(&database).await?;

    let wanted = ["`repeatable read`", "`read committed`"];
    assert_finding(
        &found,
        (FindingCode::IsolationLevel, Severity::Error),
        &wanted,
    );
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_only_read_is_an_error() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let of = database.name();
    let set = format!("alter database {of} set default_transaction_read_only = on");
    run(database.pool(), &set).await?;

    let found = only(&database).await?;

    let wanted = ["`default_transaction_read_only` is on", "`off`"];
    assert_finding(&found, (FindingCode::ReadOnly, Severity::Error), &wanted);
    Ok(())
}

#[tokio::test]
async fn what_only_the_application_sets_for_itself_is_a_warning() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let set = "set default_transaction_isolation = 'serializable'; set default_transaction_read_only = on";
    let pool = pool_that(&database, set).await?;

    let found = Pgq::from_pool(pool).check_health().await?;

    assert_eq!(
        codes(&found),
        [FindingCode::ReadOnly, FindingCode::IsolationLevel]
    );
    assert!(found.iter().all(|one| one.severity == Severity::Warning));
    Ok(())
}

#[tokio::test]
async fn a_pool_whose_connections_are_in_a_transaction_is_an_error() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = pool_that(&database, "begin").await?;

    let found = Pgq::from_pool(pool).check_health().await?;

    assert_eq!(codes(&found), [FindingCode::InTransaction]);
    let wanted = ["in a transaction already", "take `begin` out"];
    let expected = (FindingCode::InTransaction, Severity::Error);
    assert_finding(&found[0], expected, &wanted);
    Ok(())
}

#[tokio::test]
async fn each_time_limit_that_is_too_short_is_a_warning() -> anyhow::Result<()> {
    // With whose sessions it would harm.
    let mut limits = vec![
        ("statement_timeout", "900ms", "the application's"),
        ("idle_in_transaction_session_timeout", "2s", "a worker's"),
        ("idle_session_timeout", "20s", "a worker's"),
    ];
    let database = TestDatabase::migrated().await?;
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(database.pool())
        .await?;
    if version >= 170_000 {
        limits.push(("transaction_timeout", "10s", "a worker's"));
    }
    for (name, value, whose) in limits {
        let database = TestDatabase::migrated().await?;
        set(&database, name, value).await?;

        let found = only(&database).await?;

        let wanted = [&*format!("`{name}` of {whose} sessions is "), "or to 0"];
        let expected = (FindingCode::TimeoutTooShort, Severity::Warning);
        assert_finding(&found, expected, &wanted);
    }
    Ok(())
}

#[tokio::test]
async fn a_clock_that_differs_is_a_warning() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let cases = [
        ("100", Some("ahead of")),
        ("-100", Some("behind")),
        ("0", None),
    ];
    for (seconds, how) in cases {
        let url = database.url().to_owned();
        let output = tokio::task::spawn_blocking(move || {
            Command::new(env!("CARGO_BIN_EXE_skewed_check"))
                .args([&url, seconds])
                .output()
        })
        .await??;

        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        match how {
            Some(how) => {
                let sentence =
                    format!("clock-difference: the clock of this machine is 100 s {how} that");
                assert_eq!(said.lines().count(), 1, "{said}");
                assert!(said.starts_with(&sentence), "{said}");
            }
            None => assert_eq!(said, ""),
        }
    }
    Ok(())
}
