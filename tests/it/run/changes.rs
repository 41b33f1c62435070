//! Jobs that are requeued, deleted and rescheduled while workers run.

use std::time::Duration;

use pgq::{JobState, Jobs, Start};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::{DEADLINE, count, drain, worker};

#[derive(Debug, thiserror::Error)]
#[error("the mailbox is full")]
struct Full(#[source] std::io::Error);

/// Fails until the table says otherwise.
#[pgq::task(max_attempts = 1, tags = ["mail"])]
async fn deliver(pool: &PgPool, letter: Vec<u8>) -> anyhow::Result<usize> {
    let works: bool = sqlx::query_scalar("select to_regclass('works') is not null")
        .fetch_one(pool)
        .await?;
    if !works {
        Err(Full(std::io::Error::other("no space is left")))?;
    }
    Ok(letter.len())
}

#[pgq::task]
async fn tally(pool: &PgPool, number: i64) -> anyhow::Result<()> {
    sqlx::query("insert into tally (number) values ($1)")
        .bind(number)
        .execute(pool)
        .await?;
    Ok(())
}

async fn run(pool: &PgPool, sql: &'static str) -> anyhow::Result<()> {
    sqlx::query(sql).execute(pool).await?;
    Ok(())
}

#[tokio::test]
async fn dead_letters_run_again_with_their_input_and_keep_their_history() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    // One whose input is kept apart from it.
    let job = deliver::enqueue(pool, vec![7; 10_000]).await?;
    drain(worker::<deliver>(&database)).await?;
    assert_eq!(job.status(pool).await?, JobState::Failed);
    run(pool, "create table works ()").await?;

    let requeued = Jobs::in_state(JobState::Failed)
        .tag("mail")
        .requeue(pool)
        .await?;
    drain(worker::<deliver>(&database)).await?;

    assert_eq!(requeued.changed, 1);
    assert_eq!(job.wait(pool).await?, 10_000);
    let attempts = job.attempts(pool).await?;
    let errors: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.error.as_deref())
        .collect();
    assert_eq!(
        errors,
        [Some("the mailbox is full: no space is left"), None]
    );
    Ok(())
}

#[tokio::test]
async fn a_deleted_job_leaves_no_row_anywhere() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let large = || vec![7; 10_000];
    let failed = deliver::enqueue(pool, large()).await?;
    drain(worker::<deliver>(&database)).await?;
    run(pool, "create table works ()").await?;
    let completed = deliver::enqueue(pool, large()).await?;
    drain(worker::<deliver>(&database)).await?;
    let ready = deliver::enqueue(pool, large()).await?;
    let hour = Duration::from_secs(3600);
    let scheduled = deliver::job(large()).delay(hour).enqueue(pool).await?;
    let kept = deliver::enqueue(pool, large()).await?;

    for job in [failed, completed, ready, scheduled] {
        job.delete(pool).await?;
    }

    for table in ["scheduled", "finished", "result", "failure"] {
        assert_eq!(count(pool, table).await?, 0, "{table}");
    }
    for table in ["ready", "large_input", "detail"] {
        assert_eq!(count(pool, table).await?, 1, "{table}");
    }
    assert_eq!(kept.status(pool).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn a_requeue_reaches_a_worker_that_waits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = deliver::enqueue(pool, vec![7]).await?;
    drain(worker::<deliver>(&database)).await?;
    run(pool, "create table works ()").await?;
    let stop = pgq::CancellationToken::new();
    let running = worker::<deliver>(&database)
        .poll_interval(DEADLINE)
        .stop_on(stop.clone());
    let running = tokio::spawn(async move { running.await });

    job.requeue(pool).await?;

    assert_eq!(job.wait_for(pool, DEADLINE / 2).await?, 1);
    stop.cancel();
    running.await??;
    Ok(())
}

/// Each job runs once or is deleted, whoever is faster.
#[tokio::test]
async fn jobs_that_are_deleted_while_workers_claim_do_not_run() -> anyhow::Result<()> {
    const JOBS: i64 = 3000;
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    run(pool, "create table tally (number bigint)").await?;
    tally::enqueue_many(pool, 0..JOBS).await?;

    let ready = Jobs::in_state(JobState::Ready);
    let (report, deleted, moved) = tokio::join!(
        drain(worker::<tally>(&database)),
        ready.delete(pool),
        async {
            let hour = Duration::from_secs(3600);
            ready.reschedule(pool, Start::After(hour)).await
        },
    );

    let (report, deleted) = (report?, deleted?);
    moved?;
    let ran: (i64, i64) = sqlx::query_as("select count(*), count(distinct number) from tally")
        .fetch_one(pool)
        .await?;
    let scheduled = count(pool, "scheduled").await?;
    assert_eq!(ran.0, ran.1, "no job ran twice");
    assert_eq!(usize::try_from(ran.0)?, usize::try_from(report.completed)?);
    assert_eq!(
        ran.0 + scheduled + i64::try_from(deleted.changed)? + count(pool, "ready").await?,
        JOBS
    );
    assert_eq!(count(pool, "finished").await?, ran.0);
    Ok(())
}
