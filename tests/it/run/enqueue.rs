//! Enqueues: through whatever holds the connection, and with its transaction.

use pgq::{EnqueueError, JobError, JobState, Pgq};
use pgq_tests::database::TestDatabase;
use sqlx::Connection;

use super::{count, drain, worker};

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Sum {
    of: Vec<i64>,
    total: i64,
}

#[pgq::task]
async fn add(of: Vec<i64>, offset: i64) -> Result<Sum, std::num::TryFromIntError> {
    let total = of.iter().sum::<i64>() + offset;
    Ok(Sum { of, total })
}

#[tokio::test]
async fn a_job_runs_and_its_typed_result_is_read() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();

    let job = add::enqueue(pool, vec![1, 2, 3], 10).await?;
    assert_eq!(job.status(pool).await?, JobState::Ready);
    let report = drain(worker::<add>(&database)).await?;

    assert_eq!((report.completed, report.failed), (1, 0));
    assert_eq!(job.status(pool).await?, JobState::Completed);
    let sum = job.wait(pool).await?;
    assert_eq!(
        sum,
        Sum {
            of: vec![1, 2, 3],
            total: 16
        }
    );
    Ok(())
}

#[tokio::test]
async fn a_job_is_enqueued_when_its_transaction_commits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let mut transaction = pool.begin().await?;

    let job = add::enqueue(&mut transaction, vec![1], 0).await?;
    let before = job.status(pool).await;
    transaction.commit().await?;

    assert!(
        matches!(before, Err(JobError::NotFound { .. })),
        "{before:?}"
    );
    assert_eq!(job.status(pool).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn a_job_is_gone_when_its_transaction_rolls_back() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let mut transaction = database.pool().begin().await?;

    add::enqueue(&mut *transaction, vec![1], 0).await?;
    add::enqueue_many(&mut transaction, [(vec![2], 0), (vec![3], 0)]).await?;
    add::job(vec![4], 0)
        .delay(std::time::Duration::from_secs(60))
        .enqueue(&mut *transaction)
        .await?;
    transaction.rollback().await?;

    assert_eq!(count(database.pool(), "job").await?, 0);
    Ok(())
}

#[tokio::test]
async fn jobs_are_enqueued_through_a_pool_a_connection_and_a_handle() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let pgq = Pgq::connect(database.url()).await?;
    let mut pooled = pool.acquire().await?;
    let mut single = sqlx::PgConnection::connect(database.url()).await?;

    let jobs = [
        add::enqueue(pool, vec![1], 0).await?,
        add::enqueue(&mut pooled, vec![2], 0).await?,
        add::enqueue(&mut single, vec![3], 0).await?,
        add::enqueue(&pgq, vec![4], 0).await?,
        add::enqueue(pgq.within(&mut single), vec![5], 0).await?,
    ];
    drain(worker::<add>(&database)).await?;

    for (job, total) in jobs.iter().zip(1..) {
        assert_eq!(job.wait(&pgq).await?.total, total);
    }
    Ok(())
}

#[tokio::test]
async fn many_jobs_are_enqueued_in_order() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();

    let jobs = add::enqueue_many(pool, (0..2500).map(|n| (vec![n], 0))).await?;
    let none = add::enqueue_many(pool, []).await?;
    drain(worker::<add>(&database)).await?;

    assert_eq!((jobs.len(), none.len()), (2500, 0));
    assert!(jobs.is_sorted_by_key(|job| job.id()));
    for (job, total) in jobs.iter().zip(0..).step_by(250) {
        assert_eq!(job.wait(pool).await?.total, total);
    }
    Ok(())
}

#[tokio::test]
async fn input_above_the_limit_is_refused_before_the_transaction_is_spoiled() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let pgq = Pgq::from_pool(database.pool().clone());
    let mut transaction = database.pool().begin().await?;

    let large = vec![i64::MAX; 200_000];
    let refused = add::enqueue(&mut transaction, large, 0).await;
    let small_limit = pgq.clone().input_max(20);
    let refused_by_setting = add::enqueue(&small_limit, vec![i64::MAX; 3], 0).await;
    let raised = pgq.input_max(4 * 1024 * 1024);
    add::enqueue(raised.within(&mut transaction), vec![i64::MAX; 200_000], 0).await?;
    add::enqueue(&mut transaction, vec![1], 0).await?;
    transaction.commit().await?;

    let limit = pgq::INPUT_MAX_DEFAULT;
    assert!(
        matches!(
            refused,
            Err(EnqueueError::InputTooLarge { task: "add", size, limit: l }) if size > limit && l == limit
        ),
        "{refused:?}",
    );
    let refused_by_setting = refused_by_setting.err().map(|error| error.to_string());
    assert_eq!(
        refused_by_setting.as_deref(),
        Some(
            "the input of task `add` has 41 bytes, but at most 20 are allowed; store the data \
             elsewhere and enqueue a reference to it, or raise the limit with the option `input_max` of \
             the task"
        ),
    );
    assert_eq!(count(database.pool(), "ready").await?, 2);
    Ok(())
}

#[tokio::test]
async fn options_out_of_range_are_refused() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = || add::job(vec![1], 0);

    let errors = [
        job().priority(10).enqueue(pool).await,
        job().priority(-1).enqueue(pool).await,
        job().max_attempts(0).enqueue(pool).await,
        job().queue("").enqueue(pool).await,
        job().queue("two words").enqueue(pool).await,
        job().delay(std::time::Duration::MAX).enqueue(pool).await,
    ];

    for error in errors {
        assert!(
            matches!(error, Err(EnqueueError::Invalid { task: "add", .. })),
            "{error:?}"
        );
    }
    assert_eq!(count(pool, "job").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_schema_of_another_name_is_a_queue_of_its_own() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let other = Pgq::from_pool(pool.clone()).schema("billing")?;
    other.migrate().await?;
    let mut transaction = pool.begin().await?;

    let here = add::enqueue(&mut transaction, vec![1], 0).await?;
    let there = add::enqueue(other.within(&mut transaction), vec![2], 0).await?;
    transaction.commit().await?;
    let report = drain(worker::<add>(&database).schema("billing")).await?;

    assert_eq!(report.completed, 1);
    assert_eq!(there.wait(&other).await?.total, 2);
    assert_eq!(here.status(pool).await?, JobState::Ready);
    Ok(())
}
