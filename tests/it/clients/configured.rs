//! A program that reaches its database by tokio-postgres, and its workers.

use pgq::driver::DriverErrorKind;
use pgq::{Error, JobState, Pgq, Registry, Run};
use pgq_tests::clients::tokio_postgres;
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;
use tokio_postgres::Config;

use super::{DEADLINE, charge, drain};

/// Says which schema it would meet first.
#[pgq::task(name = "clients/settings")]
async fn settings(pool: &PgPool) -> anyhow::Result<(String, String)> {
    let show = "select current_setting('application_name'), current_setting('search_path')";
    Ok(sqlx::query_as(show).fetch_one(pool).await?)
}

/// Enqueues another one, where the worker's own are.
#[pgq::task(name = "clients/follow")]
async fn follow(pgq: &Pgq) -> anyhow::Result<()> {
    charge::enqueue(pgq, 8).await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_runs_on_the_database_of_tokio_postgres() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let mut config: Config = database.url().parse()?;
    config
        .application_name("till")
        .options("-c search_path=shop");
    let pgq = Pgq::from_tokio_postgres(&config)
        .await?
        .schema("jobs_of_till")?;
    pgq.migrate().await?;
    let mut client = tokio_postgres(database.url()).await?;

    let transaction = client.transaction().await?;
    let charged = charge::enqueue(pgq.within(&transaction), 7).await?;
    let settings = settings::enqueue(pgq.within(&transaction)).await?;
    follow::enqueue(pgq.within(&transaction)).await?;
    transaction.commit().await?;
    let run = Run::new(Registry::new())
        .task::<charge>()
        .task::<settings>()
        .task::<follow>()
        .pgq(&pgq)
        .without_signals();
    let report = drain(run).await?;

    assert_eq!(report.completed, 4);
    assert_eq!(charged.status(&pgq).await?, JobState::Completed);
    let expected = ("till".to_owned(), "shop".to_owned());
    assert_eq!(settings.wait_for(&pgq, DEADLINE).await?, expected);
    pgq.close().await;
    Ok(())
}

#[tokio::test]
async fn a_configuration_without_a_server_is_refused() -> anyhow::Result<()> {
    let refused = Pgq::from_tokio_postgres(&"user=me".parse()?).await;

    let error = match refused {
        Err(Error::Driver(error)) => error,
        other => anyhow::bail!("{other:?}"),
    };
    assert_eq!(error.kind(), DriverErrorKind::InvalidDatabaseUrl);
    assert_eq!(
        error.to_string(),
        "the configuration names no server; say which, by `Config::host`"
    );
    Ok(())
}
