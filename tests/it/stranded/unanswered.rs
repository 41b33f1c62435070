//! A claim that nobody waits for any more.

use std::time::Duration;

use pgq::driver::{AttemptDriver as _, Claim, Driver as _, WorkerId, WorkerInfo};
use pgq::postgres::PostgresDriver;
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

#[pgq::task(name = "stranded/unanswered")]
async fn unanswered() {}

/// Waits until so many backends wait for locks.
async fn waiting(pool: &PgPool, backends: i64) -> anyhow::Result<()> {
    eventually("backends wait for locks", async || {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        Ok(sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(pool)
            .await?
            == backends)
    })
    .await
}

#[tokio::test]
async fn what_a_claim_takes_whose_caller_is_gone_is_listed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let driver = PostgresDriver::new(pool.clone());
    let worker = WorkerId::random();
    let info = WorkerInfo {
        id: worker,
        lease: Duration::from_secs(60),
        host: "localhost".to_owned(),
        pid: 1,
        queues: vec!["default".to_owned()],
        concurrency: 1,
        build: pgq::driver::Build::default(),
    };
    anyhow::ensure!(driver.register_worker(info).await?);
    let job = unanswered::enqueue(pool).await?;
    let mut lock = pool.begin().await?;
    sqlx::query("select from pgq_jobs.worker for update")
        .execute(&mut *lock)
        .await?;

    let claimer = driver.clone();
    let claim = Claim {
        worker,
        number: 7,
        queue: "default".into(),
        tasks: vec![["stranded/unanswered".to_owned()].into()],
        fingerprints: None,
        limit: 1,
        horizon: None,
        priority_max: None,
    };
    let claiming = tokio::spawn(async move { claimer.claim(claim).await });
    waiting(pool, 1).await?;
    // The server goes on with it.
    claiming.abort();
    let fence = driver.clone();
    let fencing = tokio::spawn(async move { fence.fence_claims(worker, 8).await });
    waiting(pool, 2).await?;
    lock.rollback().await?;
    fencing.await??;

    assert_eq!(driver.held(worker).await?, [(job.id(), 7)]);
    Ok(())
}
