//! How many jobs run at once.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use pgq::{Context, JobState, Pgq};
use pgq_tests::audit;
use pgq_tests::database::TestDatabase;
use pgq_tests::{PATIENCE, eventually};
use sqlx::PgPool;
use tokio::sync::Semaphore;

use super::{database, drain, work, worker};

/// Long enough that others would start beside it.
const TIME: Duration = Duration::from_millis(3);

#[pgq::task(concurrency = 3)]
async fn limited(context: &Context, pool: &PgPool, _number: u32) -> anyhow::Result<()> {
    work(context, pool, "limited", TIME).await
}

#[pgq::task]
async fn free(context: &Context, pool: &PgPool, _number: u32) -> anyhow::Result<()> {
    work(context, pool, "free", TIME).await
}

#[tokio::test]
async fn no_more_jobs_of_a_task_run_than_its_limit_in_all_workers() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    limited::enqueue_many(pool, 0..90).await?;

    let workers = (0..3).map(|_| worker::<limited>(&database).concurrency(5));
    assert_eq!(drain(workers).await?, 90);

    let most = audit::limit(&audit::read(pool).await?, 3)?;
    assert_eq!(most, 3);
    Ok(())
}

#[tokio::test]
async fn a_limit_of_one_lets_no_two_jobs_run_beside_each_other() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    let pgq = Pgq::from_pool(pool.clone());
    pgq.limit_task("free", 1).await?;
    free::enqueue_many(pool, 0..60).await?;

    let workers = (0..2).map(|_| worker::<free>(&database).concurrency(5));
    assert_eq!(drain(workers).await?, 60);

    audit::limit(&audit::read(pool).await?, 1)?;
    Ok(())
}

#[tokio::test]
async fn no_more_jobs_of_a_queue_run_than_its_limit_whatever_their_tasks() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    Pgq::from_pool(pool.clone())
        .limit_queue("default", 4)
        .await?;
    free::enqueue_many(pool, 0..60).await?;
    limited::enqueue_many(pool, 0..60).await?;

    let workers = (0..3).map(|_| worker::<free>(&database).task::<limited>().concurrency(6));
    assert_eq!(drain(workers).await?, 120);

    let mut ledger = audit::read(pool).await?;
    let of_limited: Vec<_> = ledger
        .iter()
        .filter(|entry| entry.key == "limited")
        .cloned()
        .collect();
    audit::limit(&of_limited, 3)?;
    for entry in &mut ledger {
        entry.key = "default".to_owned();
    }
    assert!(audit::limit(&ledger, 4)? > 1);
    Ok(())
}

/// Lets jobs go on, one for each permit.
type Gate = Arc<Semaphore>;

#[pgq::task(concurrency = 1)]
async fn wait_alone(gate: &Gate) -> anyhow::Result<()> {
    gate.acquire().await?.forget();
    Ok(())
}

#[pgq::task(concurrency = 1, blocking, timeout = "50ms", max_attempts = 1)]
fn block_alone(gate: &Gate) -> anyhow::Result<()> {
    while gate.try_acquire().map(|permit| permit.forget()).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[pgq::task]
async fn note_beside() {}

async fn running(database: &TestDatabase) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from pgq_jobs.running")
        .fetch_one(database.pool())
        .await?)
}

async fn permits(database: &TestDatabase) -> anyhow::Result<i64> {
    Ok(
        sqlx::query_scalar("select coalesce(sum(permits), 0) from pgq_jobs.allotment")
            .fetch_one(database.pool())
            .await?,
    )
}

#[tokio::test]
async fn jobs_that_wait_for_permits_hold_up_no_others() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Gate::new(Semaphore::new(0));
    for _ in 0..20 {
        wait_alone::job().priority(9).enqueue(pool).await?;
    }
    let run = worker::<wait_alone>(&database)
        .task::<note_beside>()
        .state(Arc::clone(&gate))
        .concurrency(2);
    let stop = pgq::CancellationToken::new();
    let run = tokio::spawn(run.stop_on(stop.clone()).into_future());
    eventually("one of them runs", async || {
        Ok(running(&database).await? == 1)
    })
    .await?;

    let others = [
        note_beside::enqueue(pool).await?,
        note_beside::enqueue(pool).await?,
    ];
    for job in &others {
        tokio::time::timeout(PATIENCE, job.wait(pool)).await??;
    }

    assert_eq!(running(&database).await?, 1);
    gate.add_permits(20);
    eventually("all of them have run", async || {
        let left: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.finished")
            .fetch_one(pool)
            .await?;
        Ok(left == 22)
    })
    .await?;
    stop.cancel();
    run.await??;
    Ok(())
}

#[tokio::test]
async fn permits_that_nobody_uses_go_back() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    let stop = pgq::CancellationToken::new();
    let run = worker::<limited>(&database).stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());
    let jobs = limited::enqueue_many(pool, 0..9).await?;
    for job in &jobs {
        tokio::time::timeout(PATIENCE, job.wait(pool)).await??;
    }

    eventually("no permits are used", async || {
        Ok(permits(&database).await? == 0)
    })
    .await?;
    // And they are there for the next ones.
    limited::enqueue(pool, 9).await?.wait(pool).await?;
    stop.cancel();
    run.await??;
    let rows: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.allotment")
        .fetch_one(pool)
        .await?;
    assert_eq!(rows, 0);
    Ok(())
}

#[tokio::test]
async fn a_thread_that_nobody_waits_for_keeps_its_permit() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Gate::new(Semaphore::new(0));
    let stop = pgq::CancellationToken::new();
    let run = worker::<block_alone>(&database)
        .task::<note_beside>()
        .state(Arc::clone(&gate))
        .concurrency(1)
        .stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());
    let first = block_alone::enqueue(pool).await?;
    let _ = tokio::time::timeout(PATIENCE, first.wait(pool)).await?;
    assert_eq!(first.status(pool).await?, JobState::Failed);
    let second = block_alone::enqueue(pool).await?;

    // Its slot is free: other tasks run, and the next of this one waits.
    note_beside::enqueue(pool).await?.wait(pool).await?;
    eventually("the worker asks for permits", async || {
        let wants: Option<i32> = sqlx::query_scalar("select max(wants) from pgq_jobs.allotment")
            .fetch_one(pool)
            .await?;
        Ok(wants == Some(2))
    })
    .await?;
    assert_eq!(second.status(pool).await?, JobState::Ready);
    assert_eq!(permits(&database).await?, 1);

    gate.add_permits(2);
    let _ = tokio::time::timeout(PATIENCE, second.wait(pool)).await?;
    stop.cancel();
    run.await??;
    Ok(())
}

/// Returns at once, or waits on its thread.
#[pgq::task(concurrency = 1, blocking, timeout = "300ms", max_attempts = 1)]
fn block_some(gate: &Gate, waits: bool) {
    if waits {
        let permit = tokio::runtime::Handle::current().block_on(gate.acquire());
        drop(permit);
    }
}

#[tokio::test]
async fn a_thread_that_nobody_waits_for_passes_its_permit_to_a_job_that_is_claimed()
-> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Gate::new(Semaphore::new(0));
    // So many and so fast that the worker claims ahead.
    block_some::enqueue_many(pool, vec![false; 300]).await?;
    let waits = block_some::enqueue(pool, true).await?;
    block_some::enqueue_many(pool, vec![false; 300]).await?;
    let run = worker::<block_some>(&database).state(Arc::clone(&gate));
    let drained = tokio::spawn(drain([run]));

    let ended = tokio::time::timeout(PATIENCE, waits.wait(pool)).await?;
    assert!(
        matches!(ended, Err(pgq::JobError::Failed { .. })),
        "{ended:?}"
    );
    let claimed: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.running")
        .fetch_one(pool)
        .await?;
    assert!(claimed > 0, "no job waits in the worker");
    gate.add_permits(1);

    assert_eq!(drained.await??, 600);
    Ok(())
}

/// Says how far it is.
#[pgq::task(concurrency = 1)]
async fn report(context: &Context, number: u64) {
    context.progress(number, 100, "");
}

#[tokio::test]
async fn a_permit_is_free_although_the_task_has_just_reported() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    report::enqueue_many(database.pool(), 0..100).await?;

    // At a second for each it would not be in time.
    assert_eq!(drain([worker::<report>(&database)]).await?, 100);
    Ok(())
}

#[tokio::test]
async fn a_limit_can_be_changed_while_jobs_run() -> anyhow::Result<()> {
    let database = database().await?;
    let pool = database.pool();
    let pgq = Pgq::from_pool(pool.clone());
    pgq.limit_task("free", 8).await?;
    free::enqueue_many(pool, 0..300).await?;
    let runs = (0..2).map(|_| worker::<free>(&database).concurrency(6));
    let drained = tokio::spawn(drain(runs.collect::<Vec<_>>()));
    let added = Cell::new(300);
    // Jobs wait at any time, however fast they run.
    let supply = async || {
        let waiting: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.ready")
            .fetch_one(pool)
            .await?;
        if waiting < 100 {
            free::enqueue_many(pool, 0..200).await?;
            added.set(added.get() + 200);
        }
        anyhow::Ok(())
    };
    eventually("the limit is used", async || {
        supply().await?;
        Ok(permits(&database).await? == 8)
    })
    .await?;

    pgq.limit_task("free", 2).await?;
    eventually("permits are given back", async || {
        supply().await?;
        Ok(permits(&database).await? <= 2)
    })
    .await?;
    let since: i64 =
        sqlx::query_scalar("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
            .fetch_one(pool)
            .await?;
    let done: i64 = sqlx::query_scalar("select count(*) from ledger where kind = 'end'")
        .fetch_one(pool)
        .await?;
    eventually("more jobs have run", async || {
        supply().await?;
        let now: i64 = sqlx::query_scalar("select count(*) from ledger where kind = 'end'")
            .fetch_one(pool)
            .await?;
        Ok(now > done + 20)
    })
    .await?;
    let until: i64 =
        sqlx::query_scalar("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
            .fetch_one(pool)
            .await?;
    pgq.limit_task("free", None).await?;
    assert_eq!(drained.await??, added.get());

    let ledger = audit::read(pool).await?;
    let before: Vec<_> = ledger
        .iter()
        .filter(|entry| entry.at < since)
        .cloned()
        .collect();
    audit::limit(&before, 8)?;
    // Those that started before may still run.
    let ended = |job: i64| {
        let mut of = ledger.iter().filter(|entry| entry.job == job);
        of.any(|entry| entry.kind == audit::Kind::End && entry.at < since)
    };
    let after: Vec<_> = ledger
        .iter()
        .filter(|entry| entry.at < until && !ended(entry.job))
        .cloned()
        .collect();
    audit::limit(&after, 2)?;
    Ok(())
}
