//! Results and errors that cannot be stored, in one batch with those that can.

use std::sync::Arc;

use pgq::{JobHandle, JobState, TaskError};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;
use tokio::sync::Barrier;

use super::{count, drain, worker};

/// How many jobs end at once, and so in one batch or two.
const JOBS: usize = 30;

/// Ends when all of them do: with a text of so many bytes, or with that error. No other task keeps
/// them for so long: their partitions are made after what a test does to the tables.
#[pgq::task(max_attempts = 1, retain(result = "30d", failed = "30d"))]
async fn end(together: &Arc<Barrier>, bytes: usize, error: String) -> Result<String, TaskError> {
    together.wait().await;
    match error.is_empty() {
        true => Ok("x".repeat(bytes)),
        false => Err(TaskError::permanent(error)),
    }
}

/// The same number of jobs, one of them bad in the middle.
async fn one_among_many(
    pool: &PgPool,
    bad: (usize, &str),
) -> anyhow::Result<Vec<JobHandle<String>>> {
    let inputs = (0..JOBS).map(|place| match place == JOBS / 2 {
        true => (bad.0, bad.1.to_owned()),
        false => (place, String::new()),
    });
    Ok(end::enqueue_many(pool, inputs).await?)
}

/// The others have completed, and returns the error of the bad one.
async fn error_of_the_bad(
    pool: &PgPool,
    jobs: &[JobHandle<String>],
) -> anyhow::Result<Option<String>> {
    for (place, job) in jobs.iter().enumerate() {
        if place != JOBS / 2 {
            assert_eq!(job.wait(pool).await?.len(), place);
        }
    }
    let bad = jobs[JOBS / 2].job(pool).await?;
    assert_eq!(bad.state, JobState::Failed);
    Ok(bad.error)
}

fn together(database: &TestDatabase) -> pgq::Run {
    worker::<end>(database).state(Arc::new(Barrier::new(JOBS)))
}

#[tokio::test]
async fn a_nul_in_an_error_is_replaced() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let jobs = one_among_many(pool, (0, "before\0after")).await?;

    drain(together(&database)).await?;

    let error = error_of_the_bad(pool, &jobs).await?;
    assert_eq!(error.as_deref(), Some("before\u{fffd}after"));
    Ok(())
}

#[tokio::test]
async fn a_result_above_the_limit_fails_its_job_only() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let jobs = one_among_many(pool, (1000, "")).await?;

    drain(together(&database).result_max(500)).await?;

    let error = error_of_the_bad(pool, &jobs).await?;
    assert_eq!(
        error.as_deref(),
        Some("the result has 1004 bytes, but at most 500 are allowed")
    );
    Ok(())
}

#[tokio::test]
async fn a_result_that_the_server_refuses_fails_its_job_only() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    sqlx::query(
        "alter table pgq_jobs.result add constraint short check (octet_length(value) < 500)",
    )
    .execute(pool)
    .await?;
    let jobs = one_among_many(pool, (1000, "")).await?;

    let report = drain(together(&database)).await?;

    assert_eq!((report.completed, report.failed), (JOBS as u64 - 1, 1));
    let error = error_of_the_bad(pool, &jobs).await?.unwrap_or_default();
    assert!(
        error.starts_with("the result cannot be stored: "),
        "{error}"
    );
    assert!(error.contains("\"short\""), "{error}");
    assert_eq!(count(pool, "running").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_error_that_the_server_refuses_is_replaced_by_the_reason() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    sqlx::query("alter table pgq_jobs.failure add constraint clean check (error not like 'bad%')")
        .execute(pool)
        .await?;
    let jobs = one_among_many(pool, (0, "bad word")).await?;

    drain(together(&database)).await?;

    let error = error_of_the_bad(pool, &jobs).await?.unwrap_or_default();
    assert!(
        error.starts_with("the error of this attempt cannot be stored: "),
        "{error}"
    );
    assert!(error.contains("\"clean\""), "{error}");
    assert_eq!(count(pool, "running").await?, 0);
    Ok(())
}

#[tokio::test]
async fn large_results_pass_through_the_room_that_there_is() -> anyhow::Result<()> {
    const MIB: usize = 1024 * 1024;
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let inputs = (0..JOBS).map(|_| (4 * MIB, String::new()));
    // More in all than the worker has room for.
    let jobs = end::enqueue_many(pool, inputs).await?;

    drain(together(&database).result_max(5 * MIB)).await?;

    for job in jobs {
        assert_eq!(job.wait(pool).await?.len(), 4 * MIB);
    }
    Ok(())
}
