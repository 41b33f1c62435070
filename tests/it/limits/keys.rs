//! Limits by key, and order by key.

use std::time::Duration;

use pgq::{Context, JobState};
use pgq_tests::audit::{self, Kind};
use pgq_tests::{PATIENCE, eventually};
use sqlx::PgPool;

use super::{database, drain, work, worker};

/// Long enough that others would start beside it.
const TIME: Duration = Duration::from_millis(2);

/// Fails now and then in its first attempt.
#[pgq::task(ordered_by = [account], backoff(fixed = "10ms", jitter = 0))]
async fn book(context: &Context, pool: &PgPool, account: u32, number: u32) -> anyhow::Result<()> {
    work(context, pool, &account.to_string(), TIME).await?;
    anyhow::ensure!(number % 7 != 3 || context.attempt() > 1, "no luck");
    Ok(())
}

#[pgq::task(concurrency(max = 2, by = [customer]))]
async fn export(
    context: &Context,
    pool: &PgPool,
    customer: u32,
    _number: u32,
) -> anyhow::Result<()> {
    work(context, pool, &customer.to_string(), TIME).await
}

/// Runs until it is told to end.
#[pgq::task(ordered_by = [account])]
async fn hold_on(context: &Context, pool: &PgPool, account: u32) -> anyhow::Result<()> {
    let job = context.job_id().as_i64();
    let mut connection = pool.acquire().await?;
    let _ = audit::start(&mut connection, &account.to_string(), job).await?;
    drop(connection);
    if account == 0 {
        context.cancelled().cancelled().await;
    }
    Ok(())
}

#[tokio::test]
async fn jobs_of_a_key_run_one_after_the_other_in_all_workers() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    for number in 0..10 {
        for account in 0..8 {
            book::enqueue(pool, account, number).await?;
        }
    }

    // A job that waits for its next attempt is not due.
    while super::count(pool, "finished").await? < 80 {
        let workers = (0..3).map(|_| worker::<book>(&database).concurrency(5));
        drain(workers).await?;
    }

    let ledger = audit::read(pool).await?;
    audit::order(&ledger)?;
    let ends = ledger.iter().filter(|entry| entry.kind == Kind::End);
    // One of ten fails once.
    assert_eq!(ends.count(), 88);
    Ok(())
}

#[tokio::test]
async fn no_more_jobs_of_a_key_run_than_its_limit_in_all_workers() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    for customer in 0..4 {
        for number in 0..20 {
            export::enqueue(pool, customer, number).await?;
        }
    }

    let workers = (0..3).map(|_| worker::<export>(&database).concurrency(5));
    drain(workers).await?;

    let ledger = audit::read(pool).await?;
    assert_eq!(audit::limit(&ledger, 2)?, 2);
    assert_eq!(ledger.len(), 160);
    assert_eq!(super::count(pool, "set_aside").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_job_that_goes_on_holds_up_its_key_and_no_other() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    let first = hold_on::enqueue(pool, 0).await?;
    let behind = hold_on::enqueue(pool, 0).await?;
    let others = [
        hold_on::enqueue(pool, 1).await?,
        hold_on::enqueue(pool, 1).await?,
    ];
    let stop = pgq::CancellationToken::new();
    let run = worker::<hold_on>(&database)
        .concurrency(3)
        .drain_deadline(Duration::from_millis(10))
        .stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());

    for job in &others {
        tokio::time::timeout(PATIENCE, job.wait(pool)).await??;
    }

    eventually("the other one waits for the key", async || {
        Ok(behind.status(pool).await? == JobState::Scheduled)
    })
    .await?;
    assert_eq!(first.status(pool).await?, JobState::Running);
    stop.cancel();
    run.await??;
    Ok(())
}
