//! Clients that share one session of the server, as behind a pooler in transaction mode. The target `pgbouncer` has
//! more of them, behind a real one.

use futures_util::future::join_all;
use pgq::driver::{Cancellation, DriverErrorKind};
use pgq::{EnqueueError, Pgq, Task};
use pgq_tests::database::TestDatabase;
use pgq_tests::pooler::{Pooler, Sessions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::charge;

const CLIENTS: u64 = 4;

/// How often each client makes all its calls.
const ROUNDS: u64 = 10;

/// Enqueues, looks and cancels, and returns what was not as it should be.
async fn calls(pgq: &Pgq, invoice: u64) -> anyhow::Result<()> {
    let job = charge::enqueue(pgq, invoice).await?;
    let input: <charge as Task>::Input = job.input(pgq).await?;
    anyhow::ensure!(
        input.invoice == invoice,
        "{} is not {invoice}",
        input.invoice
    );
    let found = job.job(pgq).await?;
    anyhow::ensure!(found.id == job.id(), "{found:?}");
    let cancelled = job.cancel(pgq).await?;
    anyhow::ensure!(cancelled == Cancellation::Cancelled, "{cancelled:?}");

    let mut transaction = pgq.pool().begin().await?;
    let job = charge::enqueue(pgq.within(&mut *transaction), invoice).await?;
    transaction.commit().await?;
    let input: <charge as Task>::Input = job.input(pgq).await?;
    anyhow::ensure!(
        input.invoice == invoice,
        "{} is not {invoice}",
        input.invoice
    );
    Ok(())
}

#[tokio::test]
async fn clients_that_share_a_session_get_what_they_ask_for() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let options: PgConnectOptions = database.url().parse()?;
    let pooler = Pooler::open(&options, Sessions::Shared).await?;
    let options = pooler.options(&options);

    let clients = (0..CLIENTS).map(async |client| {
        let pool = PgPoolOptions::new().connect_lazy_with(options.clone());
        let pgq = Pgq::from_pool(pool).through_pooler();
        for round in 0..ROUNDS {
            calls(&pgq, client * ROUNDS + round).await?;
        }
        anyhow::Ok(())
    });
    for client in join_all(clients).await {
        client?;
    }

    assert_eq!(
        super::ready(&database).await?,
        i64::try_from(CLIENTS * ROUNDS)?
    );
    Ok(())
}

/// Enqueues as many jobs.
async fn enqueue(pgq: &Pgq, jobs: usize) -> Result<(), EnqueueError> {
    match jobs {
        1 => charge::enqueue(pgq, 1).await.map(|_| ()),
        many => charge::enqueue_many(pgq, vec![1; many]).await.map(|_| ()),
    }
}

/// By the statement for one job, or by that for many.
async fn takes_no_jobs_of_another_schema(jobs: usize) -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let options: PgConnectOptions = database.url().parse()?;
    let other = Pgq::from_pool(database.pool().clone()).schema("other_jobs")?;
    other.migrate().await?;
    let pooler = Pooler::open(&options, Sessions::Shared).await?;
    let client = || {
        let pool = PgPoolOptions::new().max_connections(1);
        Pgq::from_pool(pool.connect_lazy_with(pooler.options(&options)))
    };
    let (first, second, third) = (client(), client().schema("other_jobs")?, client());

    // Each names its first statement `sqlx_s_1`, which the session knows once, and the next one `sqlx_s_2`. As if
    // the pooler had changed the session, that of the second client then stands for that of the third.
    enqueue(&first, jobs).await?;
    assert!(enqueue(&second, jobs).await.is_err());
    enqueue(&second, jobs).await?;
    sqlx::raw_sql("deallocate sqlx_s_2")
        .execute(first.pool())
        .await?;
    assert!(enqueue(&third, jobs).await.is_err());
    enqueue(&third, jobs).await?;
    let refused = enqueue(&second, jobs).await;

    let Err(EnqueueError::Driver { source, .. }) = refused else {
        anyhow::bail!("{refused:?}");
    };
    assert_eq!(source.kind(), DriverErrorKind::SharedSession);
    assert!(
        source.to_string().contains("`Pgq::through_pooler`"),
        "{source}"
    );
    assert_eq!(super::ready(&database).await?, i64::try_from(2 * jobs)?);
    Ok(())
}

#[tokio::test]
async fn a_statement_of_another_schema_takes_no_jobs() -> anyhow::Result<()> {
    takes_no_jobs_of_another_schema(1).await?;
    takes_no_jobs_of_another_schema(2).await
}

#[tokio::test]
async fn the_statement_for_one_job_does_not_take_those_of_many() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let options: PgConnectOptions = database.url().parse()?;
    let pooler = Pooler::open(&options, Sessions::Shared).await?;
    let client = || {
        let pool = PgPoolOptions::new().max_connections(1);
        Pgq::from_pool(pool.connect_lazy_with(pooler.options(&options)))
    };
    let (first, many, one, other) = (client(), client(), client(), client());
    let forget = async || {
        let forget = sqlx::raw_sql("deallocate sqlx_s_2");
        forget.execute(first.pool()).await
    };

    // As above: the first name is taken, and the second one stands for what the last one meant by it.
    charge::enqueue(&first, 1).await?;
    assert!(charge::enqueue_many(&many, [2, 2]).await.is_err());
    charge::enqueue_many(&many, [2, 2]).await?;
    forget().await?;
    assert!(charge::enqueue(&one, 3).await.is_err());
    charge::enqueue(&one, 3).await?;
    let many_by_one = charge::enqueue_many(&many, [4, 4]).await;
    forget().await?;
    assert!(charge::enqueue_many(&other, [5, 5]).await.is_err());
    charge::enqueue_many(&other, [5, 5]).await?;
    let one_by_many = charge::enqueue(&one, 6).await;

    assert!(many_by_one.is_err() && one_by_many.is_err());
    assert_eq!(super::ready(&database).await?, 6);
    Ok(())
}
