//! Enqueues in transactions.

use anyhow::ensure;
use pgq::postgres::{Connection, Row, Statement, through};
use pgq::{EnqueueError, Pgq, driver::DriverError, enqueue_many_blocking};
use pgq_tests::clients::{Blocking, deadpool, tokio_postgres};
use pgq_tests::database::TestDatabase;

use super::{DEADLINE, charge, drain, ready, remind, worker};

#[tokio::test]
async fn a_job_is_there_if_the_transaction_of_tokio_postgres_commits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut client = tokio_postgres(database.url()).await?;

    let dropped = client.transaction().await?;
    charge::enqueue(&dropped, 1).await?;
    drop(dropped);
    assert_eq!(ready(&database).await?, 0);

    let committed = client.transaction().await?;
    let job = charge::enqueue(&committed, 2).await?;
    assert_eq!(ready(&database).await?, 0);
    committed.commit().await?;
    drain(worker::<charge>(&database)).await?;
    assert_eq!(job.wait_for(database.pool(), DEADLINE).await?, 2);

    // A client that is in no transaction commits by itself.
    charge::enqueue(&client, 3).await?;
    assert_eq!(ready(&database).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_job_is_there_if_the_transaction_of_deadpool_commits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = deadpool(database.url())?;
    let mut client = pool.get().await?;

    let dropped = client.transaction().await?;
    charge::enqueue(&dropped, 1).await?;
    dropped.rollback().await?;
    let committed = client.transaction().await?;
    charge::enqueue_many(&committed, [2, 3]).await?;
    committed.commit().await?;
    assert_eq!(ready(&database).await?, 2);

    charge::enqueue(&client, 4).await?;
    charge::enqueue(&pool, 5).await?;
    assert_eq!(ready(&database).await?, 4);
    Ok(())
}

#[tokio::test]
async fn a_job_is_there_if_the_transaction_of_the_blocking_client_commits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let client = Blocking::connect(database.url()).await?;

    let jobs = client
        .try_call(|client| {
            let mut dropped = client.transaction()?;
            charge::job(1).enqueue_blocking(&mut dropped)?;
            dropped.rollback()?;
            let mut committed = client.transaction()?;
            charge::job(2)
                .priority(3)
                .enqueue_blocking(&mut committed)?;
            committed.commit()?;
            charge::job(3).enqueue_blocking(&mut *client)?;
            Ok(enqueue_many_blocking::<charge>(
                client,
                [4, 5].map(|invoice| charge::job(invoice).into_input()),
            )?)
        })
        .await?;

    assert_eq!(jobs.len(), 2);
    assert_eq!(ready(&database).await?, 4);
    drain(worker::<charge>(&database)).await?;
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_there_already_is_named_in_a_transaction_that_goes_on() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let mut client = tokio_postgres(database.url()).await?;
    let first = remind::enqueue(&client, "ada".into()).await?;

    let transaction = client.transaction().await?;
    let second = remind::enqueue(&transaction, "ada".into()).await;
    let other = remind::enqueue(&transaction, "bob".into()).await?;
    transaction.commit().await?;

    let named = match second {
        Err(EnqueueError::Conflict { job, .. }) => job,
        other => anyhow::bail!("the second is not refused: {other:?}"),
    };
    assert_eq!(named, Some(first.id()));
    assert!(other.is_new());
    Ok(())
}

#[tokio::test]
async fn settings_of_a_handle_count_in_transactions_of_each_client() -> anyhow::Result<()> {
    let database = TestDatabase::empty().await?;
    let pgq = Pgq::connect(database.url()).await?.schema("elsewhere")?;
    pgq.migrate().await?;
    let mut client = tokio_postgres(database.url()).await?;
    let mut connection = database.pool().acquire().await?;

    let transaction = client.transaction().await?;
    let job = charge::enqueue(pgq.within(&transaction), 1).await?;
    transaction.commit().await?;
    charge::enqueue(pgq.within(&mut *connection), 2).await?;

    assert!(job.job(&pgq).await?.state == pgq::JobState::Ready);
    let jobs: i64 = sqlx::query_scalar("select count(*) from elsewhere.ready")
        .fetch_one(database.pool())
        .await?;
    assert_eq!(jobs, 2);
    Ok(())
}

/// What somebody makes whose client pgq does not know.
struct Counted<'a> {
    client: &'a tokio_postgres::Client,
    statements: &'a mut Vec<String>,
}

/// A row of such a client.
struct Cells(tokio_postgres::Row);

impl Connection for Counted<'_> {
    type Row = Cells;

    async fn run(&mut self, statement: Statement) -> Result<Vec<Cells>, DriverError> {
        self.statements.push(statement.sql().to_owned());
        let mut client = self.client;
        let rows = client.run(statement).await?;
        Ok(rows.into_iter().map(Cells).collect())
    }
}

impl Row for Cells {
    fn big_int(&self, column: usize) -> Result<Option<i64>, DriverError> {
        Row::big_int(&self.0, column)
    }

    fn text(&self, column: usize) -> Result<&str, DriverError> {
        Row::text(&self.0, column)
    }
}

#[tokio::test]
async fn a_client_that_pgq_does_not_know_runs_statements_and_reads_rows() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let client = tokio_postgres(database.url()).await?;
    let mut statements = Vec::new();
    let counted = Counted {
        client: &client,
        statements: &mut statements,
    };

    charge::enqueue_many(through(counted), [1, 2, 3]).await?;

    assert_eq!(ready(&database).await?, 3);
    ensure!(statements.len() == 1, "{statements:?}");
    Ok(())
}
