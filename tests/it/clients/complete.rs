//! Attempts that complete in transactions of clients other than sqlx.

use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::Pool;
use pgq::{CompleteError, Context, JobState};
use pgq_tests::clients::deadpool;
use pgq_tests::database::TestDatabase;
use sqlx::PgPool;

use super::{drain, worker};

/// Writes into a ledger and completes at once.
#[pgq::task(name = "clients/enter", backoff(fixed = "1ms"))]
async fn enter(ctx: &Context, pool: &Pool, is_to_fail: bool) -> anyhow::Result<u32> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction
        .execute("insert into entry values ($1)", &[&ctx.job_id().as_i64()])
        .await?;
    if is_to_fail && ctx.attempt() == 1 {
        anyhow::bail!("no luck");
    }
    ctx.complete_in(&transaction, &7_u32).await?;
    transaction.commit().await?;
    Ok(7)
}

async fn ledger() -> anyhow::Result<(TestDatabase, Pool)> {
    let database = TestDatabase::migrated().await?;
    sqlx::query("create table entry (job bigint not null)")
        .execute(database.pool())
        .await?;
    let pool = deadpool(database.url())?;
    Ok((database, pool))
}

async fn entries(pool: &PgPool) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from entry")
        .fetch_one(pool)
        .await?)
}

#[tokio::test]
async fn a_job_and_what_its_task_writes_through_another_client_commit_together()
-> anyhow::Result<()> {
    let (database, pool) = ledger().await?;
    let first = enter::enqueue(database.pool(), false).await?;
    let second = enter::enqueue(database.pool(), true).await?;

    while !second.status(database.pool()).await?.is_finished() {
        drain(worker::<enter>(&database).state(pool.clone())).await?;
    }

    assert_eq!(first.wait(database.pool()).await?, 7);
    assert_eq!(second.wait(database.pool()).await?, 7);
    assert_eq!(entries(database.pool()).await?, 2);
    let attempts = second.job(database.pool()).await?.attempt;
    assert_eq!(attempts, 2);
    Ok(())
}

/// What became of the completion of a task, and of the commit after it.
type Tried = Arc<Mutex<Option<(String, bool)>>>;

/// Loses its job, as if its worker had been taken for dead, and commits in spite of the error.
#[pgq::task(name = "clients/lose", max_attempts = 1)]
async fn lose(ctx: &Context, pool: &Pool, tried: &Tried) -> anyhow::Result<()> {
    let mut client = pool.get().await?;
    client
        .execute(
            "delete from pgq_jobs.running where id = $1",
            &[&ctx.job_id().as_i64()],
        )
        .await?;
    let transaction = client.transaction().await?;
    transaction
        .execute("insert into entry values (1)", &[])
        .await?;
    let refused = ctx.complete_in(&transaction, &()).await;
    let committed = transaction.commit().await.is_ok();
    let refused = match refused {
        Err(CompleteError::Fenced { job }) => format!("job {job} is fenced"),
        other => format!("{other:?}"),
    };
    *tried.lock().unwrap_or_else(PoisonError::into_inner) = Some((refused, committed));
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_has_lost_its_job_cannot_commit_through_another_client()
-> anyhow::Result<()> {
    let (database, pool) = ledger().await?;
    let job = lose::enqueue(database.pool()).await?;
    let tried = Tried::default();

    let run = worker::<lose>(&database).state(pool);
    drain(run.state(Arc::clone(&tried))).await?;

    let tried = tried.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // The commit of a transaction that has failed is a rollback, and no error.
    assert_eq!(tried, Some((format!("job {} is fenced", job.id()), true)));
    assert_eq!(entries(database.pool()).await?, 0);
    Ok(())
}

/// Enqueues another when, and only when, it completes.
#[pgq::task(name = "clients/parent")]
async fn parent(ctx: &Context, pool: &Pool) -> anyhow::Result<()> {
    ctx.then(super::charge::job(8))?;
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    ctx.complete_in(&transaction, &()).await?;
    transaction.commit().await?;
    Ok(())
}

#[tokio::test]
async fn children_go_with_a_completion_through_another_client() -> anyhow::Result<()> {
    let (database, pool) = ledger().await?;
    let job = parent::enqueue(database.pool()).await?;

    drain(worker::<parent>(&database).state(pool)).await?;

    assert_eq!(job.status(database.pool()).await?, JobState::Completed);
    assert_eq!(super::ready(&database).await?, 1);
    Ok(())
}
