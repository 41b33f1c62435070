//! What goes wrong, in the words of each client and of one kind.

use std::error::Error as _;

use pgq::EnqueueError;
use pgq::driver::{DriverError, DriverErrorKind};
use pgq_tests::clients::{Client, deadpool, tokio_postgres};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;

use super::charge;

async fn clients(url: &str) -> anyhow::Result<Vec<Client>> {
    Ok(vec![
        Client::sqlx(url).await?,
        Client::tokio(url).await?,
        Client::deadpool(url)?,
        Client::blocking(url).await?,
    ])
}

async fn refused(client: &Client) -> anyhow::Result<DriverError> {
    let request = pgq::driver::Enqueue {
        task: "clients/charge".into(),
        queue: "default".into(),
        priority: 0,
        max_attempts: 1,
        fingerprint: None,
        start: pgq::Start::Now,
        durability: pgq::Durability::Durable,
        jobs: vec![vec![1, 192].into()],
    };
    match client.enqueue(request).await {
        Ok(jobs) => anyhow::bail!("{client:?} has enqueued {jobs:?}"),
        Err(error) => Ok(error),
    }
}

#[tokio::test]
async fn a_schema_that_is_missing_is_said_by_each_client() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;

    for client in clients(database.url()).await? {
        let error = refused(&client).await?;

        assert_eq!(error.kind(), DriverErrorKind::SchemaMissing, "{client:?}");
        assert!(error.to_string().contains("migrate first"), "{error}");
        assert!(error.source().is_some(), "{client:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_right_that_is_missing_is_said_by_each_client() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let user = format!("{}_nobody", database.name());
    let sql = format!("create role \"{user}\"; grant usage on schema pgq_jobs to \"{user}\"");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(database.pool())
        .await?;
    let sign = if database.url().contains('?') {
        '&'
    } else {
        '?'
    };
    let url = format!("{}{sign}options=-c%20role%3D{user}", database.url());

    let mut errors = Vec::new();
    for client in clients(&url).await? {
        errors.push((format!("{client:?}"), refused(&client).await));
    }
    let sql = format!("drop owned by \"{user}\"; drop role \"{user}\"");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(database.pool())
        .await?;

    for (client, error) in errors {
        let error = error?;
        assert_eq!(error.kind(), DriverErrorKind::PermissionDenied, "{client}");
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_lost_may_succeed_later() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let client = tokio_postgres(database.url()).await?;
    let killed = "select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(killed).execute(database.pool()).await?;
    eventually("the client has noticed", async || Ok(client.is_closed())).await?;

    let error = charge::enqueue(&client, 1).await;

    let source = match error {
        Err(EnqueueError::Driver { source, .. }) => source,
        other => anyhow::bail!("{other:?}"),
    };
    assert_eq!(source.kind(), DriverErrorKind::Unavailable);
    assert!(source.is_transient());
    Ok(())
}

#[tokio::test]
async fn a_pool_that_cannot_connect_says_so() -> anyhow::Result<()> {
    let pool = deadpool("postgres://nobody@127.0.0.1:1/nowhere")?;

    let error = charge::enqueue(&pool, 1).await;

    let source = match error {
        Err(EnqueueError::Driver { source, .. }) => source,
        other => anyhow::bail!("{other:?}"),
    };
    assert_eq!(source.kind(), DriverErrorKind::Unavailable);
    assert!(
        source
            .to_string()
            .contains("no connection to enqueue through")
    );
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_in_the_program_is_not_tried_again() -> anyhow::Result<()> {
    // A server that asks for a password, which is not there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await?;
        let _ = stream.read(&mut [0; 1024]).await?;
        // `AuthenticationCleartextPassword`.
        stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await?;
        // The client goes away.
        let _ = stream.read(&mut [0; 1024]).await;
        std::io::Result::Ok(())
    });
    let pool = deadpool(&format!("postgres://nobody@127.0.0.1:{port}/nowhere"))?;

    let error = charge::enqueue(&pool, 1).await;

    let source = match error {
        Err(EnqueueError::Driver { source, .. }) => source,
        other => anyhow::bail!("{other:?}"),
    };
    assert!(!source.is_transient(), "{source:?}");
    server.await??;
    Ok(())
}

#[tokio::test]
async fn nothing_is_enqueued_through_connections_that_were_closed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pgq = pgq::Pgq::connect(database.url()).await?;
    let clone = pgq.clone();
    let job = charge::enqueue(&clone, 7).await?;

    pgq.close().await;

    let Err(EnqueueError::Driver { source, .. }) = charge::enqueue(&clone, 8).await else {
        anyhow::bail!("it is enqueued");
    };
    assert!(source.to_string().contains("no connection"), "{source}");
    assert_eq!(job.status(database.pool()).await?, pgq::JobState::Ready);
    Ok(())
}
