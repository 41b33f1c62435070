//! Jobs that are not started in time.

use std::time::Duration;

use pgq::{JobError, JobState, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{drain, worker};

const MOMENT: Duration = Duration::from_millis(1);

#[pgq::task(expires = "1h")]
async fn send_code(user: u64) -> anyhow::Result<u64> {
    Ok(user)
}

#[pgq::task]
async fn nobody_knows() {}

/// Waits until a time has come, by the clock of the database.
async fn pass(pool: &PgPool, time: Duration) -> anyhow::Result<()> {
    let end: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(pool)
        .await?;
    eventually("the time has come", async || {
        Ok(sqlx::query_scalar("select clock_timestamp() > $1")
            .bind(end + time)
            .fetch_one(pool)
            .await?)
    })
    .await
}

#[tokio::test]
async fn a_job_that_is_late_does_not_run() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let late = send_code::job(1).expires_in(MOMENT).enqueue(pool).await?;
    let in_time = send_code::enqueue(pool, 2).await?;
    pass(pool, MOMENT).await?;

    let report = drain(worker::<send_code>(&database)).await?;

    assert_eq!(report.completed, 1);
    let error = late.wait(pool).await.unwrap_err();
    assert!(matches!(error, JobError::Expired { job } if job == late.id()));
    let found = late.job(pool).await?;
    assert_eq!((found.state, found.attempt), (JobState::Expired, 0));
    assert_eq!(in_time.wait(pool).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_late_job_that_no_worker_knows_ends_too() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let late = [
        nobody_knows::job().expires_in(MOMENT).enqueue(pool).await?,
        nobody_knows::job()
            .queue("nobody/serves_it")
            .delay(MOMENT)
            .expires_in(MOMENT * 2)
            .enqueue(pool)
            .await?,
    ];
    let run = Run::new(Registry::new())
        .task::<send_code>()
        .pool(pool.clone())
        .without_signals();
    let worker = tokio::spawn(run.into_future());

    for job in late {
        eventually("the job has expired", async || {
            Ok(job.status(pool).await? == JobState::Expired)
        })
        .await?;
    }
    worker.abort();
    Ok(())
}
