//! What a task may say of its job instead of a result.

use std::time::Duration;

use pgq::{JobState, TaskError};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::{count, drain, worker};

const HOUR: Duration = Duration::from_secs(3600);

/// What [`decide`] is told to return.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum Say {
    RetryAfter,
    Snooze,
    Permanent,
    Cancel,
}

#[derive(Debug, thiserror::Error)]
#[error("the order cannot be shipped")]
struct Unshippable(#[from] TaskError);

/// Its errors reach the runtime as the source of another one.
fn ship(say: Say) -> Result<(), Unshippable> {
    Err(match say {
        Say::RetryAfter => TaskError::retry_after(HOUR, "closed"),
        Say::Snooze => TaskError::snooze(HOUR),
        Say::Permanent => TaskError::permanent("no such order"),
        Say::Cancel => TaskError::cancel("the customer withdrew"),
    })?
}

#[pgq::task(max_attempts = 2)]
async fn decide(say: Say) -> anyhow::Result<()> {
    Ok(ship(say)?)
}

/// In how many minutes each scheduled job is due, from the last change of its state on.
async fn delays(pool: &PgPool) -> anyhow::Result<Vec<f64>> {
    let minutes = "select (extract(epoch from run_at - clock_timestamp()) / 60)::float8
                   from pgq_jobs.scheduled";
    Ok(sqlx::query_scalar(minutes).fetch_all(pool).await?)
}

async fn hurry(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::query("update pgq_jobs.scheduled set run_at = now()")
        .execute(pool)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_task_says_when_it_is_to_run_again() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = decide::enqueue(pool, Say::RetryAfter).await?;

    let report = drain(worker::<decide>(&database)).await?;

    assert_eq!((report.retried, report.failed), (1, 0));
    let delay = delays(pool).await?;
    assert!(matches!(delay[..], [50.0..=60.0]), "{delay:?}");
    let stored = job.job(pool).await?;
    assert_eq!(
        stored.error.as_deref(),
        Some("the order cannot be shipped: closed")
    );
    // The second attempt is its last, whatever it asks for.
    hurry(pool).await?;
    let report = drain(worker::<decide>(&database)).await?;
    assert_eq!((report.retried, report.failed), (0, 1));
    assert_eq!(job.status(pool).await?, JobState::Failed);
    assert_eq!(count(pool, "failure").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_task_that_snoozes_uses_up_no_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = decide::enqueue(pool, Say::Snooze).await?;

    for deliveries in 1..=4 {
        let report = drain(worker::<decide>(&database)).await?;

        assert_eq!((report.released, report.retried, report.failed), (1, 0, 0));
        let delay = delays(pool).await?;
        assert!(matches!(delay[..], [50.0..=60.0]), "{delay:?}");
        let stored = job.job(pool).await?;
        assert_eq!((stored.attempt, stored.deliveries), (0, deliveries));
        assert_eq!(stored.error, None);
        hurry(pool).await?;
    }
    assert_eq!(count(pool, "failure").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_permanent_error_ends_the_job_as_a_dead_letter() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = decide::enqueue(pool, Say::Permanent).await?;

    let report = drain(worker::<decide>(&database)).await?;

    assert_eq!((report.retried, report.failed), (0, 1));
    let ended = job.wait(pool).await.err().map(|error| error.to_string());
    let id = job.id();
    assert_eq!(
        ended,
        Some(format!(
            "job {id} failed in attempt 1: the order cannot be shipped: no such order"
        ))
    );
    Ok(())
}

#[tokio::test]
async fn a_job_that_its_task_cancels_is_no_dead_letter() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = decide::enqueue(pool, Say::Cancel).await?;

    let report = drain(worker::<decide>(&database)).await?;

    assert_eq!((report.cancelled, report.failed), (1, 0));
    assert_eq!(job.status(pool).await?, JobState::Cancelled);
    assert_eq!(count(pool, "failure").await?, 1);
    let ended = job.wait(pool).await.err().map(|error| error.to_string());
    let id = job.id();
    assert_eq!(
        ended,
        Some(format!(
            "job {id} was cancelled: the order cannot be shipped: the customer withdrew"
        ))
    );
    Ok(())
}
