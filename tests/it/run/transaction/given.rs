//! Transactions that tasks are given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgq::middleware::{Execution, TaskService};
use pgq::{CancellationToken, Context, JobError, JobState, JobTransaction, Task as _};
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;
use tower::{Service, ServiceExt};

use super::super::{DEADLINE, drain, worker};
use super::{Stops, cut_off, entries, ledger, rescue, write};

/// Fails as often as it is told, with a transaction that its job is given.
#[pgq::task(name = "transaction/given", backoff(fixed = "1ms"))]
async fn given(ctx: &Context, tx: &JobTransaction, fails: i16) -> anyhow::Result<u32> {
    let mut connection = tx.connection().await?;
    write(&mut connection, ctx.job_id()).await?;
    anyhow::ensure!(ctx.attempt() > fails, "no luck");
    Ok(7)
}

#[tokio::test]
async fn a_task_is_given_a_transaction_that_commits_with_its_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let job = given::job(2).enqueue(database.pool()).await?;

    while !job.status(database.pool()).await?.is_finished() {
        drain(worker::<given>(&database)).await?;
    }

    assert_eq!(job.wait(database.pool()).await?, 7);
    assert_eq!(job.job(database.pool()).await?.attempt, 3);
    assert_eq!(entries(database.pool()).await?, 1);
    Ok(())
}

/// Does not need its transaction.
#[pgq::task(name = "transaction/unneeded")]
async fn unneeded(_tx: &JobTransaction) {}

#[tokio::test]
async fn a_transaction_that_is_not_used_is_not_begun() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/nowhere")?;
    let job = unneeded::enqueue(database.pool()).await?;

    let run = worker::<unneeded>(&database).state(pool);
    drain(run).await?;

    job.wait(database.pool()).await?;
    Ok(())
}

/// Has its transaction taken away, or its worker.
#[pgq::task(name = "transaction/given_and_lost", backoff(fixed = "1ms"))]
async fn given_and_lost(ctx: &Context, tx: &JobTransaction, stops: &Stops) -> anyhow::Result<()> {
    write(&mut *tx.connection().await?, ctx.job_id()).await?;
    stops.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_given_transaction_commits_only_if_its_attempt_holds_the_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let (stops, stop) = (Stops::new(), CancellationToken::new());
    let job = given_and_lost::enqueue(database.pool()).await?;
    let run = worker::<given_and_lost>(&database)
        .state(stops.clone())
        .lease(Duration::from_secs(3600))
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;

    assert_eq!(rescue(database.pool()).await?.ready, 1);
    stop.cancel();
    stops.pass();
    running.await??;

    assert_eq!(entries(database.pool()).await?, 0);
    assert_eq!(job.status(database.pool()).await?, JobState::Ready);
    Ok(())
}

#[tokio::test]
async fn a_given_transaction_that_is_cut_off_costs_an_attempt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let (stops, stop) = (Stops::new(), CancellationToken::new());
    let job = given_and_lost::enqueue(database.pool()).await?;
    let run = worker::<given_and_lost>(&database)
        .state(stops.clone())
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;

    cut_off(database.pool()).await?;
    stops.passed.add_permits(10);

    job.wait_for(database.pool(), DEADLINE).await?;
    assert_eq!(entries(database.pool()).await?, 1);
    assert_eq!(job.job(database.pool()).await?.attempt, 2);
    stop.cancel();
    Ok(running.await??)
}

/// What the runs of a task enqueue.
#[pgq::task(name = "transaction/note")]
async fn note(_run: u32) {}

/// Fails in its first run.
#[pgq::task(name = "transaction/given_twice")]
async fn given_twice(
    ctx: &Context,
    tx: &JobTransaction,
    runs: &Arc<AtomicU32>,
) -> anyhow::Result<()> {
    write(&mut *tx.connection().await?, ctx.job_id()).await?;
    let run = runs.fetch_add(1, Ordering::SeqCst);
    ctx.then(note::job(run))?;
    anyhow::ensure!(run > 0, "no luck");
    Ok(())
}

#[tokio::test]
async fn what_a_run_has_done_that_a_layer_repeats_is_forgotten() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let job = given_twice::enqueue(database.pool()).await?;
    let again = tower::layer::layer_fn(|task: TaskService| {
        tower::service_fn(move |execution: Execution| {
            let mut task = task.clone();
            async move {
                match task.call(execution.clone()).await {
                    Ok(completed) => Ok(completed),
                    Err(_) => task.ready().await?.call(execution).await,
                }
            }
        })
    });

    let run = worker::<given_twice>(&database)
        .task::<note>()
        .state(Arc::new(AtomicU32::new(0)))
        .layer(again);
    drain(run).await?;

    assert_eq!(job.job(database.pool()).await?.attempt, 1);
    assert_eq!(entries(database.pool()).await?, 1);
    let notes: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.job where task = $1")
        .bind(note::NAME)
        .fetch_one(database.pool())
        .await?;
    assert_eq!(notes, 1);
    Ok(())
}

/// Returns its result although it is cancelled.
#[pgq::task(name = "transaction/given_and_cancelled")]
async fn given_and_cancelled(
    ctx: &Context,
    tx: &JobTransaction,
    stops: &Stops,
) -> anyhow::Result<()> {
    write(&mut *tx.connection().await?, ctx.job_id()).await?;
    stops.stop().await;
    ctx.cancelled().cancelled().await;
    Ok(())
}

#[tokio::test]
async fn the_transaction_of_a_job_that_is_cancelled_does_not_commit() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let (stops, stop) = (Stops::new(), CancellationToken::new());
    let job = given_and_cancelled::enqueue(database.pool()).await?;
    let run = worker::<given_and_cancelled>(&database)
        .state(stops.clone())
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;

    job.cancel(database.pool()).await?;
    stops.pass();
    let ended = job.wait_for(database.pool(), DEADLINE).await;

    assert!(
        matches!(ended, Err(JobError::Cancelled { .. })),
        "{ended:?}"
    );
    assert_eq!(entries(database.pool()).await?, 0);
    stop.cancel();
    Ok(running.await??)
}

/// What a thread was told that asked for its transaction too late.
type Answer = Arc<tokio::sync::OnceCell<bool>>;

/// Asks for its transaction again when its time is over.
#[pgq::task(
    name = "transaction/given_too_late",
    blocking,
    timeout = "100ms",
    max_attempts = 1
)]
fn given_too_late(ctx: &Context, tx: &JobTransaction, stops: &Stops, answer: &Answer) {
    let runtime = tokio::runtime::Handle::current();
    let begun = runtime.block_on(async {
        let _ = write(&mut *tx.connection().await?, ctx.job_id()).await;
        stops.stop().await;
        tx.connection().await.map(drop)
    });
    let _ = answer.set(begun.is_ok());
}

#[tokio::test]
async fn a_transaction_that_has_ended_is_not_begun_again() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let (stops, stop, answer) = (Stops::new(), CancellationToken::new(), Answer::default());
    let job = given_too_late::enqueue(database.pool()).await?;
    let run = worker::<given_too_late>(&database)
        .state(stops.clone())
        .state(Arc::clone(&answer))
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;
    let ended = job.wait_for(database.pool(), DEADLINE).await;
    assert!(matches!(ended, Err(JobError::Failed { .. })), "{ended:?}");

    stops.pass();
    pgq_tests::eventually("the thread was told", async || Ok(answer.get().is_some())).await?;

    assert_eq!(answer.get(), Some(&false));
    assert_eq!(entries(database.pool()).await?, 0);
    stop.cancel();
    Ok(running.await??)
}

#[pgq::test]
async fn a_test_runs_tasks_that_take_a_transaction(
    database: pgq::testing::Database,
) -> anyhow::Result<()> {
    ledger(database.pool()).await?;
    let job = given::job(0).enqueue(&database).await?;

    database.run_due().await.assert_completed();

    assert_eq!(job.wait(&database).await?, 7);
    assert_eq!(entries(database.pool()).await?, 1);
    Ok(())
}
