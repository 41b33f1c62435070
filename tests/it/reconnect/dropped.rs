//! Calls that are dropped at any of their steps: what comes next on the connection is not in a transaction that they
//! have left open.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use pgq::{JobState, JobTransaction, Jobs, Pgq};
use pgq_tests::database::TestDatabase;
use pgq_tests::drain::{DEADLINE, drain, worker};
use pgq_tests::wire::Wire;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};

#[pgq::task(name = "reconnect/count")]
async fn count(number: u32) {
    let _ = number;
}

#[pgq::task(name = "reconnect/count_once", unique)]
async fn count_once(number: u32) {
    let _ = number;
}

/// Drops the call that begins its transaction, and says whether it was done.
#[pgq::task(name = "reconnect/begin")]
async fn begin(transaction: &JobTransaction, steps: usize) -> anyhow::Result<bool> {
    let begun = dropped_after(steps, transaction.connection()).await;
    Ok(begun.transpose()?.is_some())
}

/// More than any of the calls waits.
const STEPS_MAX: usize = 100;

/// Polls a call so many times, and drops it when it could go on.
async fn dropped_after<T>(steps: usize, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        call.as_mut().poll(context).map(Some)
    })
    .await
}

async fn is_in_transaction(connection: &mut PgConnection) -> anyhow::Result<bool> {
    let row = sqlx::raw_sql("select now() <> statement_timestamp()")
        .fetch_one(connection)
        .await?;
    Ok(sqlx::Row::try_get(&row, 0)?)
}

/// A pool of one connection, so that whatever is left on it is met. Each answer comes over a wire in this runtime, so that
/// none is there before a call has waited for it.
async fn pool_of_one(database: &TestDatabase) -> anyhow::Result<(PgPool, Wire)> {
    let direct: PgConnectOptions = database.url().parse()?;
    let wire = Wire::open(&direct).await?;
    let pool = PgPoolOptions::new().max_connections(1);
    Ok((pool.connect_with(wire.options(&direct)).await?, wire))
}

/// Drops a call at each of its steps.
async fn drop_at_each_step<T, E>(
    pool: &PgPool,
    call: impl AsyncFn() -> Result<T, E>,
) -> anyhow::Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    for steps in 1..STEPS_MAX {
        let done = dropped_after(steps, call()).await;
        let mut connection = pool.acquire().await?;
        let is_left_open = is_in_transaction(&mut connection).await?;
        anyhow::ensure!(!is_left_open, "dropped at step {steps}");
        if let Some(done) = done {
            done?;
            return Ok(());
        }
    }
    anyhow::bail!("the call has more than {STEPS_MAX} steps")
}

#[tokio::test]
async fn a_dropped_look_leaves_no_transaction_on_the_pool() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (pool, _wire) = pool_of_one(&database).await?;
    let job = count::enqueue(&pool, 1).await?;

    drop_at_each_step(&pool, async || job.status(&pool).await).await?;
    drop_at_each_step(&pool, async || {
        Jobs::in_state(JobState::Ready).list(&pool).await
    })
    .await?;
    drop_at_each_step(&pool, async || job.attempts(&pool).await).await
}

#[tokio::test]
async fn a_dropped_change_leaves_no_transaction_on_the_pool() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (pool, _wire) = pool_of_one(&database).await?;
    let jobs = count::enqueue_many(&pool, 0..3).await?;
    let cancelled = Jobs::in_state(JobState::Cancelled);

    drop_at_each_step(&pool, async || jobs[0].cancel(&pool).await).await?;
    drop_at_each_step(&pool, async || cancelled.requeue(&pool).await).await?;
    drop_at_each_step(&pool, async || {
        Jobs::in_state(JobState::Ready).delete(&pool).await
    })
    .await
}

#[tokio::test]
async fn a_dropped_enqueue_leaves_no_transaction_on_the_pool() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (pool, _wire) = pool_of_one(&database).await?;
    let pooled = Pgq::from_pool(pool.clone()).through_pooler();

    drop_at_each_step(&pool, async || count::enqueue(&pool, 1).await).await?;
    drop_at_each_step(&pool, async || count_once::enqueue(&pool, 1).await).await?;
    drop_at_each_step(&pool, async || count::enqueue(&pooled, 1).await).await?;
    drop_at_each_step(&pool, async || count_once::enqueue(&pooled, 2).await).await
}

#[tokio::test]
async fn a_dropped_enqueue_leaves_no_transaction_on_a_connection() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (pool, _wire) = pool_of_one(&database).await?;
    let pooled = Pgq::from_pool(pool.clone()).through_pooler();

    drop_at_each_step(&pool, async || {
        let mut connection = pool.acquire().await.expect("a connection");
        count_once::enqueue(&mut *connection, 1).await
    })
    .await?;
    drop_at_each_step(&pool, async || {
        let mut connection = pool.acquire().await.expect("a connection");
        count::enqueue(pooled.within(&mut *connection), 1).await
    })
    .await
}

#[tokio::test]
async fn a_task_that_gives_up_its_transaction_leaves_none_on_the_pool() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let (pool, _wire) = pool_of_one(&database).await?;
    for steps in 1..STEPS_MAX {
        let job = begin::enqueue(database.pool(), steps).await?;
        drain(worker::<begin>(&database).pool(pool.clone())).await?;
        let mut connection = pool.acquire().await?;
        assert!(!is_in_transaction(&mut connection).await?, "step {steps}");
        if job.wait_for(database.pool(), DEADLINE).await? {
            return Ok(());
        }
    }
    anyhow::bail!("it has more than {STEPS_MAX} steps")
}
