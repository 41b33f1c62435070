//! Wake-ups, and poolers between a worker and its server.

use pgq::driver::{FindingCode, Severity};
use pgq_tests::database::TestDatabase;
use pgq_tests::pooler::{Pooler, Sessions};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::{DEADLINE, assert_finding, check, codes, worker};

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_found_out() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let options: PgConnectOptions = database.url().parse()?;
    let pooler = Pooler::open(&options, Sessions::Shared).await?;

    let found = check(&pooler.options(&options)).await?;

    let expected = [
        (FindingCode::SharedSession, Severity::Error, "session mode"),
        (FindingCode::SettingsIgnored, Severity::Warning, "`options`"),
    ];
    assert_eq!(codes(&found), expected.map(|(code, ..)| code));
    for (found, (code, severity, words)) in found.iter().zip(expected) {
        assert_finding(found, (code, severity), &[words]);
    }
    Ok(())
}

#[tokio::test]
async fn a_pooler_that_delivers_no_notifications_is_a_warning() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let options: PgConnectOptions = database.url().parse()?;
    let pooler = Pooler::open(&options, Sessions::Own).await?;

    let found = check(&pooler.options(&options)).await?;

    // The settings that it does not pass on are made by a statement.
    assert_eq!(codes(&found), [FindingCode::NotListening]);
    let expected = (FindingCode::NotListening, Severity::Warning);
    assert_finding(&found[0], expected, &["poll interval"]);
    Ok(())
}

#[tokio::test]
async fn no_worker_starts_through_a_pooler_in_transaction_mode() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let options: PgConnectOptions = database.url().parse()?;
    let pooler = Pooler::open(&options, Sessions::Shared).await?;
    let pool = PgPool::connect_lazy_with(pooler.options(&options));

    let refused = worker(&pool).once().deadline(DEADLINE).await;

    let refused = refused.err().map(|error| error.to_string());
    let refused = refused.unwrap_or_default();
    assert!(refused.starts_with("shared-session: "), "{refused}");
    Ok(())
}
