//! Attempts that end badly.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgq::{Context, JobError, JobHandle, JobState, TaskError};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{count, drain, worker};

#[pgq::task(max_attempts = 3)]
async fn fail(permanently: bool) -> Result<(), TaskError> {
    if permanently {
        return Err(TaskError::permanent("no such customer"));
    }
    Err(TaskError::retryable(
        anyhow::anyhow!("socket closed").context("no answer"),
    ))
}

#[pgq::task(max_attempts = 1)]
async fn explode(message: String) {
    panic!("{message}");
}

#[pgq::task(max_attempts = 1, timeout = "50ms")]
async fn hang() {
    std::future::pending::<()>().await;
}

#[pgq::task]
async fn succeed_at(context: &Context, attempt: i16) -> anyhow::Result<i16> {
    anyhow::ensure!(context.attempt() >= attempt, "too early");
    Ok(context.attempt())
}

#[pgq::task]
async fn count_up(counter: &AtomicU32) -> anyhow::Result<u32> {
    Ok(counter.fetch_add(1, Ordering::SeqCst))
}

#[pgq::task]
async fn return_text(bytes: usize) -> anyhow::Result<String> {
    Ok("x".repeat(bytes))
}

/// Makes retries due at once: what a test does instead of waiting for the backoff.
async fn hurry(pool: &PgPool) -> anyhow::Result<u64> {
    let hurried = sqlx::query("update pgq_jobs.scheduled set run_at = now()")
        .execute(pool)
        .await?;
    Ok(hurried.rows_affected())
}

async fn error_of<T>(job: &JobHandle<T>, pool: &PgPool) -> anyhow::Result<Option<String>> {
    Ok(job.job(pool).await?.error)
}

#[tokio::test]
async fn a_failed_job_runs_again_until_its_attempts_are_used_up() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = fail::enqueue(pool, false).await?;

    for attempt in 1..=2 {
        let report = drain(worker::<fail>(&database)).await?;
        let stored = job.job(pool).await?;
        assert_eq!((report.retried, report.failed), (1, 0));
        assert_eq!(
            (stored.state, stored.attempt),
            (JobState::Scheduled, attempt)
        );
        assert_eq!(stored.error.as_deref(), Some("no answer: socket closed"));
        assert!(stored.run_at > Some(stored.created_at));
        assert_eq!(hurry(pool).await?, 1);
    }
    let report = drain(worker::<fail>(&database)).await?;

    assert_eq!((report.retried, report.failed), (0, 1));
    let ended = job.wait(pool).await;
    let expected = format!(
        "job {} failed in attempt 3: no answer: socket closed",
        job.id()
    );
    assert_eq!(ended.err().map(|error| error.to_string()), Some(expected));
    assert_eq!(count(pool, "failure").await?, 3);
    Ok(())
}

#[tokio::test]
async fn the_backoff_grows_with_each_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    succeed_at::enqueue(pool, 5).await?;

    for doublings in 0..4 {
        drain(worker::<succeed_at>(&database)).await?;
        let delay: f64 = sqlx::query_scalar(
            "select extract(epoch from run_at - failed_at)::float8
             from pgq_jobs.scheduled join pgq_jobs.failure on job = id
             order by failed_at desc limit 1",
        )
        .fetch_one(pool)
        .await?;
        let base = f64::from(1 << doublings);
        assert!(
            (0.75 * base..=1.25 * base).contains(&delay),
            "{delay} s after {doublings}"
        );
        hurry(pool).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_job_completes_in_a_later_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = succeed_at::enqueue(pool, 3).await?;

    for _ in 0..3 {
        drain(worker::<succeed_at>(&database)).await?;
        hurry(pool).await?;
    }

    assert_eq!(job.wait(pool).await?, 3);
    let stored = job.job(pool).await?;
    assert_eq!((stored.attempt, stored.deliveries), (3, 3));
    Ok(())
}

#[tokio::test]
async fn a_permanent_error_is_not_retried() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let job = fail::enqueue(database.pool(), true).await?;

    let report = drain(worker::<fail>(&database)).await?;

    assert_eq!(report.failed, 1);
    let ended = job.wait(database.pool()).await;
    assert!(
        matches!(&ended, Err(JobError::Failed { attempts: 1, error, .. }) if error == "no such customer"),
        "{ended:?}",
    );
    Ok(())
}

#[tokio::test]
async fn a_panic_fails_its_job_and_no_other() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let exploded = explode::enqueue(pool, "at \0 the disco".to_owned()).await?;
    let fine = succeed_at::enqueue(pool, 1).await?;

    drain(worker::<explode>(&database).task::<succeed_at>()).await?;

    assert_eq!(fine.wait(pool).await?, 1);
    let error = error_of(&exploded, pool).await?;
    assert_eq!(error.as_deref(), Some("panicked: at \u{fffd} the disco"));
    Ok(())
}

#[tokio::test]
async fn an_attempt_ends_at_its_time_limit() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let job = hang::enqueue(database.pool()).await?;

    drain(worker::<hang>(&database)).await?;

    let error = error_of(&job, database.pool()).await?;
    assert_eq!(error.as_deref(), Some("timed out after 50ms"));
    Ok(())
}

#[tokio::test]
async fn a_result_above_the_limit_fails_its_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let large = return_text::enqueue(pool, 100).await?;
    let small = return_text::enqueue(pool, 10).await?;

    drain(worker::<return_text>(&database).result_max(50)).await?;

    assert_eq!(small.wait(pool).await?.len(), 10);
    let error = error_of(&large, pool).await?;
    assert_eq!(
        error.as_deref(),
        Some("the result has 103 bytes, but at most 50 are allowed")
    );
    Ok(())
}

#[tokio::test]
async fn waiting_ends_at_its_deadline_and_the_job_goes_on() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = succeed_at::enqueue(pool, 1).await?;

    let waited = job.wait_for(pool, Duration::from_millis(20)).await;
    drain(worker::<succeed_at>(&database)).await?;

    assert!(
        matches!(waited, Err(JobError::DeadlineExceeded { .. })),
        "{waited:?}"
    );
    assert_eq!(job.wait_for(pool, super::DEADLINE).await?, 1);
    let nobody = JobHandle::<i16>::from_id(pgq::JobId::from_i64(-1));
    assert!(matches!(
        nobody.wait(pool).await,
        Err(JobError::NotFound { .. })
    ));
    let mistaken = JobHandle::<String>::from_id(job.id());
    assert!(matches!(
        mistaken.wait(pool).await,
        Err(JobError::Decode { .. })
    ));
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_cut_off_by_the_deadline_is_given_back() -> anyhow::Result<()> {
    #[pgq::task]
    async fn wait_for_ever(started: &AtomicU32) {
        started.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }

    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = wait_for_ever::enqueue(pool).await?;

    let report = worker::<wait_for_ever>(&database)
        .state(AtomicU32::new(0))
        .until_idle()
        .deadline(Duration::from_millis(300))
        .await?;

    assert!(!report.idle);
    let stored = job.job(pool).await?;
    assert_eq!(
        (stored.state, stored.attempt, stored.deaths),
        (JobState::Ready, 0, 0)
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_ends_when_its_token_is_cancelled() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = tokio_util::sync::CancellationToken::new();
    let run = worker::<count_up>(&database)
        .state(AtomicU32::new(7))
        .stop_on(stop.clone());
    let running = tokio::spawn(async move { run.await });

    let job = count_up::enqueue(pool).await?;
    assert_eq!(job.wait_for(pool, super::DEADLINE).await?, 7);
    stop.cancel();
    running.await??;

    assert_eq!(count(pool, "worker").await?, 0);
    eventually("the connections are closed", || async {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and application_name = 'pgq'",
        )
        .fetch_one(pool)
        .await?;
        Ok(open == 0)
    })
    .await
}
