//! What makes a waiting worker claim, and schedules.

use std::time::Duration;

use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use tokio_util::sync::CancellationToken;

use super::worker;

#[pgq::task]
async fn answer() -> anyhow::Result<u32> {
    Ok(42)
}

#[tokio::test]
async fn an_enqueue_wakes_a_worker_that_does_not_poll() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let run = worker::<answer>(&database)
        .poll_interval(Duration::from_secs(3600))
        .stop_on(stop.clone());
    let running = tokio::spawn(async move { run.await });
    // Once the first has run, nothing but wake-ups is left to start the others.
    answer::enqueue(pool)
        .await?
        .wait_for(pool, super::DEADLINE)
        .await?;

    for _ in 0..20 {
        let job = answer::enqueue(pool).await?;
        assert_eq!(job.wait_for(pool, super::DEADLINE).await?, 42);
    }
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_worker_goes_on_after_its_connections_were_cut() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let run = worker::<answer>(&database).stop_on(stop.clone());
    let running = tokio::spawn(async move { run.await });
    // A worker that cannot even start says so instead of going on.
    answer::enqueue(pool)
        .await?
        .wait_for(pool, super::DEADLINE)
        .await?;

    for _ in 0..5 {
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name = 'pgq'",
        )
        .execute(pool)
        .await?;
        let jobs = answer::enqueue_many(pool, [(); 20]).await?;
        for job in jobs {
            assert_eq!(job.wait_for(pool, super::DEADLINE).await?, 42);
        }
    }
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn several_workers_run_each_job_once() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let run = worker::<answer>(&database)
                .concurrency(10)
                .stop_on(stop.clone());
            tokio::spawn(async move { run.await })
        })
        .collect();

    answer::enqueue_many(pool, vec![(); 2000]).await?;
    eventually("all jobs have completed", || async {
        Ok(super::count(pool, "finished").await? >= 2000)
    })
    .await?;
    stop.cancel();
    for worker in workers {
        worker.await??;
    }

    let (jobs, deliveries): (i64, i64) =
        sqlx::query_as("select count(distinct id), sum(deliveries) from pgq_jobs.finished")
            .fetch_one(pool)
            .await?;
    // A job that was given back has one delivery more; none has completed twice.
    assert_eq!((jobs, super::count(pool, "finished").await?), (2000, 2000));
    assert!(deliveries >= 2000);
    Ok(())
}
