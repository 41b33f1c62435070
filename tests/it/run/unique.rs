//! Jobs that are the same, enqueued in transactions that are open at the same time.

use std::sync::Arc;
use std::time::Duration;

use pgq::{Conflict, EnqueueError, Enqueued, JobHandle, JobState};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{count, drain, worker};

const HOUR: Duration = Duration::from_secs(3600);

#[pgq::task(unique(by = [document]))]
async fn render(document: u64, #[secret] text: String) -> anyhow::Result<String> {
    Ok(format!("{document}: {text}"))
}

/// Runs until it is told to end.
#[pgq::task(name = "unique/held", unique)]
async fn held(gate: &Arc<Notify>, _number: u32) {
    gate.notified().await;
}

/// Puts a text in the place of the one that waits, in a task of its own.
fn save(pool: &PgPool, text: &str) -> JoinHandle<Result<JobHandle<String>, EnqueueError>> {
    let (pool, text) = (pool.clone(), text.to_owned());
    let job = render::job(1, text)
        .delay(HOUR)
        .on_conflict(Conflict::Replace);
    tokio::spawn(async move { job.enqueue(&pool).await })
}

/// Waits until somebody waits for the end of another transaction.
async fn until_somebody_waits(pool: &PgPool) -> anyhow::Result<()> {
    eventually("an enqueue waits", async || {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(pool)
        .await?;
        Ok(waiting > 0)
    })
    .await
}

fn texts(texts: [&str; 3]) -> impl Iterator<Item = (u64, String)> {
    (1..).zip(texts.map(str::to_owned))
}

#[tokio::test]
async fn the_second_enqueue_is_given_the_first_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();

    let first = render::enqueue(pool, 1, "first".to_owned()).await?;
    let second = render::enqueue(pool, 1, "second".to_owned()).await?;
    let others = render::enqueue_many(pool, texts(["third", "fourth", "fifth"])).await?;
    drain(worker::<render>(&database)).await?;

    assert!(first.is_new() && !second.is_new());
    assert_eq!(
        (second.id(), second.enqueued()),
        (first.id(), Enqueued::Existing)
    );
    assert_eq!(others[0].id(), first.id());
    assert_eq!(second.wait(pool).await?, "1: first");
    assert_eq!(others[2].wait(pool).await?, "3: fifth");
    assert!(render::enqueue(pool, 1, "again".to_owned()).await?.is_new());
    Ok(())
}

#[tokio::test]
async fn a_conflict_is_an_error_that_leaves_the_transaction_whole() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let first = render::enqueue(pool, 1, "first".to_owned()).await?;
    let mut transaction = pool.begin().await?;
    let raise = |document| render::job(document, "x".to_owned()).on_conflict(Conflict::Raise);

    let refused = raise(1).enqueue(&mut transaction).await;
    let added = raise(2).enqueue(&mut transaction).await?;
    transaction.commit().await?;

    match refused {
        Err(error @ EnqueueError::Conflict { job, .. }) => {
            assert_eq!(job, Some(first.id()));
            let message = format!(
                "a job of task `render` is not enqueued: job {} is the same",
                first.id()
            );
            assert_eq!(error.to_string(), message);
        }
        other => panic!("{other:?}"),
    }
    assert!(added.is_new());
    assert_eq!(count(pool, "job").await?, 2);
    Ok(())
}

#[tokio::test]
async fn an_enqueuer_gives_a_key_and_a_time_of_its_own() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let keyed = |document| render::job(document, "x".to_owned()).unique("the night");

    let first = keyed(1).unique_for(HOUR).enqueue(pool).await?;
    let by_parameters = render::enqueue(pool, 1, "x".to_owned()).await?;
    drain(worker::<render>(&database)).await?;
    let second = keyed(2).enqueue(pool).await?;

    assert!(first.is_new() && by_parameters.is_new());
    assert_eq!((second.id(), second.is_new()), (first.id(), false));
    Ok(())
}

#[tokio::test]
async fn an_enqueue_waits_for_the_transaction_that_has_its_key() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    for commits in [false, true] {
        let mut transaction = pool.begin().await?;
        let first = render::enqueue(&mut transaction, 1, "first".to_owned()).await?;
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { render::enqueue(&pool, 1, "second".to_owned()).await }
        });
        until_somebody_waits(pool).await?;

        if commits {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }

        let second = second.await??;
        assert_eq!(second.is_new(), !commits);
        assert_eq!(second.id() == first.id(), commits);
        drain(worker::<render>(&database)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_completion_does_not_wait_for_those_who_met_its_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Arc::new(Notify::new());
    let job = held::enqueue(pool, 1).await?;
    let run = worker::<held>(&database).state(Arc::clone(&gate));
    let running = tokio::spawn(drain(run));
    eventually("it runs", async || {
        Ok(job.status(pool).await? == JobState::Running)
    })
    .await?;
    let mut transactions = Vec::new();
    for conflict in [Conflict::Skip, Conflict::Replace, Conflict::Raise] {
        let mut transaction = pool.begin().await?;
        let met = held::job(1)
            .on_conflict(conflict)
            .enqueue(&mut transaction)
            .await;
        assert!(!met.is_ok_and(|met| met.is_new()));
        transactions.push(transaction);
    }

    gate.notify_one();
    running.await??;

    assert_eq!(job.status(pool).await?, JobState::Completed);
    for transaction in transactions {
        transaction.commit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_last_of_two_that_replace_at_once_is_what_runs() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let first = save(pool, "first").await??;
    let mut transaction = pool.begin().await?;
    let second = render::job(1, "second".to_owned())
        .on_conflict(Conflict::Replace)
        .enqueue(&mut transaction)
        .await?;
    let third = save(pool, "third");
    until_somebody_waits(pool).await?;

    transaction.commit().await?;

    let third = third.await??;
    assert_eq!(second.enqueued(), Enqueued::Replaced);
    assert_eq!(
        (third.id(), third.enqueued()),
        (first.id(), Enqueued::Replaced)
    );
    assert_eq!(third.status(pool).await?, JobState::Scheduled);
    let input: Vec<u8> = sqlx::query_scalar("select input from pgq_jobs.job")
        .fetch_one(pool)
        .await?;
    assert!(input.ends_with(b"third"));
    Ok(())
}
