//! What a run does about what is left of jobs.

use pgq::{JobError, JobId};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::{drain, worker};

#[pgq::task(retain(completed = "1d", result = "1h"))]
async fn forgotten_answer() -> anyhow::Result<u8> {
    Ok(42)
}

/// Ends when a job is there no more.
#[pgq::task]
async fn outlive(pool: &PgPool, job: i64) -> anyhow::Result<()> {
    let job = pgq::JobHandle::<u8>::from_id(JobId::from_i64(job));
    pgq_tests::eventually("the job is dropped", async || {
        Ok(matches!(
            job.job(pool).await,
            Err(JobError::NotFound { .. })
        ))
    })
    .await
}

/// Ends when the result of a job is there no more.
#[pgq::task]
async fn outlive_result(pool: &PgPool, job: i64) -> anyhow::Result<()> {
    let job = pgq::JobHandle::<u8>::from_id(JobId::from_i64(job));
    pgq_tests::eventually("the result is dropped", async || {
        Ok(matches!(
            job.wait(pool).await,
            Err(JobError::ResultPruned { .. })
        ))
    })
    .await
}

#[tokio::test]
async fn a_worker_drops_what_has_been_kept_for_long_enough() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = forgotten_answer::enqueue(pool).await?;
    drain(worker::<forgotten_answer>(&database)).await?;
    assert_eq!(job.wait(pool).await?, 42);
    pgq_tests::history::age(pool, 3).await?;

    outlive_result::enqueue(pool, job.id().as_i64()).await?;
    drain(worker::<outlive_result>(&database)).await?;

    pgq_tests::history::age(pool, 31).await?;
    outlive::enqueue(pool, job.id().as_i64()).await?;
    drain(worker::<outlive>(&database)).await?;
    Ok(())
}
