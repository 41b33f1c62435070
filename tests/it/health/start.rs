//! What becomes of a worker that meets findings when it starts.

use std::sync::Arc;

use pgq::driver::{DriverErrorKind, FindingCode};
use pgq::memory::MemoryDriver;
use pgq::{Error, Pgq};
use pgq_tests::database::TestDatabase;
use pgq_tests::subscriber::subscribe;
use sqlx::PgPool;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{DEADLINE, Said, codes, nothing, run, worker};

#[tokio::test]
async fn one_error_has_all_that_keeps_a_worker_from_starting() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let name = database.name();
    let alter = format!(
        "alter table pgq_jobs.expiry alter column job type int;
         alter database {name} set default_transaction_isolation = 'serializable';
         alter database {name} set statement_timeout = 10"
    );
    run(database.pool(), &alter).await?;
    let pool = PgPool::connect_lazy(database.url())?;

    let refused = worker(&pool).once().deadline(DEADLINE).await.err();

    let Some(Error::Driver(error)) = refused else {
        anyhow::bail!("{refused:?}");
    };
    assert_eq!(error.kind(), DriverErrorKind::Configuration);
    assert!(!error.is_transient());
    assert_eq!(
        codes(error.findings()),
        [FindingCode::IsolationLevel, FindingCode::SchemaAltered]
    );
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "2 problems with the database:");
    assert!(lines[1].starts_with("- isolation-level: `default_transaction_isolation` is"));
    assert!(lines[2].starts_with("- schema-altered: the schema `pgq_jobs` is not as"));
    Ok(())
}

#[tokio::test]
async fn nothing_is_made_in_a_database_that_is_refused() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let name = database.name();
    let alter = format!("alter database {name} set default_transaction_isolation = 'serializable'");
    run(database.pool(), &alter).await?;
    let pool = PgPool::connect_lazy(database.url())?;

    let refused = worker(&pool).once().deadline(DEADLINE).await;

    assert!(refused.is_err());
    let schema: Option<String> = sqlx::query_scalar("select to_regnamespace('pgq_jobs')::text")
        .fetch_one(database.pool())
        .await?;
    assert_eq!(schema, None);
    Ok(())
}

#[tokio::test]
async fn a_worker_warns_of_what_it_can_live_with_and_runs() -> anyhow::Result<()> {
    let said = Said::default();
    let _subscribed = subscribe(Registry::default().with(said.clone()));
    let database = TestDatabase::migrated().await?;
    let name = database.name();
    let alter = format!(
        "drop index pgq_jobs.ready_again;
         alter database {name} set idle_session_timeout = '20s'"
    );
    run(database.pool(), &alter).await?;
    let pool = PgPool::connect(database.url()).await?;
    nothing::enqueue(&pool).await?;

    let report = worker(&pool).until_idle().await?;

    assert_eq!(report.completed, 1);
    let mut codes = said.codes();
    codes.sort();
    assert_eq!(codes, ["index-missing", "timeout-too-short"]);
    Ok(())
}

#[tokio::test]
async fn a_schema_that_the_worker_makes_is_no_finding() -> anyhow::Result<()> {
    let said = Said::default();
    let _subscribed = subscribe(Registry::default().with(said.clone()));
    let database = TestDatabase::empty().await?;

    let report = worker(database.pool()).once().deadline(DEADLINE).await?;

    assert!(report.idle);
    assert!(said.codes().is_empty(), "{said:?}");
    let found = Pgq::from_pool(database.pool().clone())
        .check_health()
        .await?;
    assert_eq!(found, []);
    Ok(())
}

#[tokio::test]
async fn there_is_nothing_to_check_in_memory() -> anyhow::Result<()> {
    let driver = MemoryDriver::new();
    nothing::enqueue(&driver).await?;

    let report = pgq::Run::new(pgq::Registry::new())
        .task::<nothing>()
        .driver(Arc::new(driver))
        .without_signals()
        .until_idle()
        .await?;

    assert_eq!(report.completed, 1);
    Ok(())
}
