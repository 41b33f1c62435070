//! Jobs whose keys only the code of their task can make.

use std::sync::Arc;

use pgq::JobState;
use pgq::driver::{AttemptDriver, Described, Description, WorkerId};
use pgq::postgres::PostgresDriver;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{DEADLINE, database_of, drain, handle, value, worker};

#[pgq::task(
    name = "unread/ordered",
    ordered_by = [customer],
    concurrency(max = 2, by = [note])
)]
async fn ordered(customer: String, #[default] note: String) -> anyhow::Result<String> {
    Ok(customer + &note)
}

#[pgq::task(name = "unread/unique", unique(by = [customer], within = "1h"))]
async fn unique(customer: String) -> anyhow::Result<String> {
    Ok(customer)
}

/// The last that there is replaces those before it.
#[pgq::task(name = "unread/latest", unique(by = [customer], conflict = "replace"))]
async fn latest(customer: String, amount: u64) -> anyhow::Result<u64> {
    let _ = customer;
    Ok(amount)
}

async fn enqueued(pool: &PgPool, task: &str, customer: &str) -> sqlx::Result<i64> {
    let call = format!(r#"pgq_jobs.enqueue('unread/{task}', '{{"customer": "{customer}"}}')"#);
    value(pool, &call).await
}

#[tokio::test]
async fn they_have_the_keys_that_the_crate_gives() -> anyhow::Result<()> {
    let database = database_of::<ordered>().await?;
    let pool = database.pool();
    let first = ordered::enqueue(pool, "ada \u{e9}".into(), "!".into()).await?;
    let second = enqueued(pool, "ordered", "ada \u{e9}").await?;
    enqueued(pool, "ordered", "bob").await?;

    let report = drain(worker::<ordered>(&database)).await?;

    assert_eq!(report.completed, 3);
    let all = "count(distinct order_key) from pgq_jobs.detail where concurrency_key is not null";
    assert_eq!(value::<i64>(pool, all).await?, 2);
    let same = format!("{all} and job in ({}, {second})", first.id());
    assert_eq!(value::<i64>(pool, &same).await?, 1);
    // It was looked at before its attempt, which is the first.
    let job = handle::<ordered>(second).job(pool).await?;
    assert_eq!((job.attempt, job.state), (1, JobState::Completed));
    let marks: i64 = value(
        pool,
        "count(*) from pgq_jobs.finished where marks & 512 <> 0",
    )
    .await?;
    assert_eq!(marks, 0);
    Ok(())
}

#[tokio::test]
async fn one_that_is_the_same_as_another_is_cancelled() -> anyhow::Result<()> {
    let database = database_of::<unique>().await?;
    let pool = database.pool();
    let first = unique::enqueue(pool, "ada".into()).await?;
    let second = enqueued(pool, "unique", "ada").await?;
    let other = enqueued(pool, "unique", "bob").await?;

    drain(worker::<unique>(&database)).await?;

    let job = handle::<unique>(second).job(pool).await?;
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!(job.error, Some(format!("job {} is the same", first.id())));
    let result = handle::<unique>(other).wait_for(pool, DEADLINE).await?;
    assert_eq!(result, "bob");
    let same = unique::enqueue(pool, "bob".into()).await?;
    assert_eq!((same.is_new(), same.id().as_i64()), (false, other));
    Ok(())
}

#[tokio::test]
async fn one_that_is_the_same_as_another_runs_when_it_is_requeued() -> anyhow::Result<()> {
    let database = database_of::<unique>().await?;
    let pool = database.pool();
    unique::enqueue(pool, "ada".into()).await?;
    let second = enqueued(pool, "unique", "ada").await?;
    drain(worker::<unique>(&database)).await?;
    let cancelled = handle::<unique>(second).job(pool).await?;
    assert_eq!(cancelled.state, JobState::Cancelled);

    let requeued: Option<bool> = value(pool, &format!("pgq_jobs.requeue({second})")).await?;
    assert_eq!(requeued, Some(true));
    drain(worker::<unique>(&database)).await?;

    let job = handle::<unique>(second).job(pool).await?;
    assert_eq!(job.state, JobState::Completed);
    Ok(())
}

#[tokio::test]
async fn one_takes_the_place_of_another_that_waits() -> anyhow::Result<()> {
    let database = database_of::<latest>().await?;
    let pool = database.pool();
    let later = std::time::Duration::from_secs(3600);
    let first = latest::job("ada".into(), 1)
        .delay(later)
        .enqueue(pool)
        .await?;
    let call = r#"pgq_jobs.enqueue('unread/latest', '{"customer": "ada", "amount": 2}')"#;
    let second: i64 = value(pool, call).await?;

    drain(worker::<latest>(&database)).await?;

    assert!(first.job(pool).await.is_err());
    let result = handle::<latest>(second).wait_for(pool, DEADLINE).await?;
    assert_eq!(result, 2);
    // The key is free again.
    assert!(latest::enqueue(pool, "ada".into(), 3).await?.is_new());
    Ok(())
}

#[tokio::test]
async fn one_leaves_its_place_to_another_that_was_enqueued_later() -> anyhow::Result<()> {
    let database = database_of::<latest>().await?;
    let pool = database.pool();
    let call = r#"pgq_jobs.enqueue('unread/latest', '{"customer": "ada", "amount": 1}')"#;
    let first: i64 = value(pool, call).await?;
    let later = std::time::Duration::from_secs(3600);
    let second = latest::job("ada".into(), 2)
        .delay(later)
        .enqueue(pool)
        .await?;

    drain(worker::<latest>(&database)).await?;

    let first = handle::<latest>(first).job(pool).await?;
    assert_eq!(first.state, JobState::Cancelled);
    assert_eq!(
        first.error,
        Some(format!("job {} is the same", second.id()))
    );
    assert_eq!(second.status(pool).await?, JobState::Scheduled);
    Ok(())
}

#[tokio::test]
async fn one_leaves_its_place_to_another_whose_transaction_is_open() -> anyhow::Result<()> {
    let database = database_of::<latest>().await?;
    let pool = database.pool();
    let call = r#"pgq_jobs.enqueue('unread/latest', '{"customer": "ada", "amount": 1}')"#;
    let first: i64 = value(pool, call).await?;
    let mut transaction = pool.begin().await?;
    let later = std::time::Duration::from_secs(3600);
    let second = latest::job("ada".into(), 2)
        .delay(later)
        .enqueue(&mut *transaction)
        .await?;
    let first = handle::<latest>(first);

    // The key is waited for a tenth of a second each time, so more than one run may find it locked.
    let run = async {
        while !first.status(pool).await?.is_finished() {
            drain(worker::<latest>(&database)).await?;
        }
        anyhow::Ok(())
    };
    let commit = async {
        eventually("the key is waited for", async || {
            let waiting = "count(*) from pg_stat_activity
                           where datname = current_database() and wait_event_type = 'Lock'";
            Ok(value::<i64>(pool, waiting).await? > 0)
        })
        .await?;
        Ok(transaction.commit().await?)
    };
    let both = async { tokio::try_join!(run, commit) };
    tokio::time::timeout(DEADLINE, both).await??;

    let first = first.job(pool).await?;
    assert_eq!(first.state, JobState::Cancelled);
    assert_eq!(second.status(pool).await?, JobState::Scheduled);
    Ok(())
}

#[tokio::test]
async fn one_with_an_input_that_its_task_does_not_take_is_a_dead_letter() -> anyhow::Result<()> {
    let database = database_of::<ordered>().await?;
    let pool = database.pool();
    let job: i64 = value(
        pool,
        r#"pgq_jobs.enqueue('unread/ordered', '{"customer": 7}')"#,
    )
    .await?;

    drain(worker::<ordered>(&database)).await?;

    let job = handle::<ordered>(job).job(pool).await?;
    assert_eq!(job.state, JobState::Failed);
    let error = job.error.unwrap_or_default();
    assert!(error.contains("parameter `customer`"), "{error}");
    Ok(())
}

#[tokio::test]
async fn who_does_not_hold_one_changes_nothing() -> anyhow::Result<()> {
    let database = database_of::<unique>().await?;
    let pool = database.pool();
    let job = enqueued(pool, "unique", "ada").await?;
    let description = Description {
        worker: WorkerId::from_i64(1),
        job: pgq::JobId::from_i64(job),
        claim: 1,
        concurrency_key: Some(1),
        order_key: None,
        rate_key: None,
        key: None,
    };

    let driver = Arc::new(PostgresDriver::new(pool.clone()));

    assert_eq!(driver.describe(description).await?, Described::Gone);
    assert_eq!(
        value::<i64>(pool, "count(*) from pgq_jobs.detail").await?,
        0
    );
    Ok(())
}
