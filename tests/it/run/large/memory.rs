//! How many large inputs a worker holds at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pgq::CancellationToken;
use pgq_tests::database::TestDatabase;

use super::super::{DEADLINE, worker};
use super::{Scale, carry, pass, text};

#[tokio::test]
async fn a_worker_holds_no_more_large_inputs_than_it_has_memory_for() -> anyhow::Result<()> {
    const JOBS: usize = 8;
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let scale = Scale::new();
    let stop = CancellationToken::new();
    let run = worker::<carry>(&database)
        .task::<pass>()
        .state(Arc::clone(&scale))
        .input_memory(250_000)
        .stop_on(stop.clone());
    let jobs = carry::enqueue_many(pool, vec![text(100_000); JOBS]).await?;
    let running = tokio::spawn(run.into_future());

    for ended in 0..JOBS {
        // As many as there is memory for, and no more.
        let more = if ended == 0 {
            2
        } else {
            usize::from(ended + 2 <= JOBS)
        };
        scale.until_started(more).await?;
        scale.gate.add_permits(1);
    }
    for job in &jobs {
        assert_eq!(job.wait_for(pool, DEADLINE).await?, 100_000);
    }

    assert_eq!(scale.most.load(Ordering::SeqCst), 2);
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn small_jobs_start_past_large_ones_that_wait_for_memory() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let scale = Scale::new();
    let stop = CancellationToken::new();
    let run = worker::<carry>(&database)
        .task::<pass>()
        .state(Arc::clone(&scale))
        .input_memory(1)
        .stop_on(stop.clone());
    let large = carry::enqueue_many(pool, [text(50_000), text(50_000)]).await?;
    let small = pass::enqueue(pool, 7).await?;
    let running = tokio::spawn(run.into_future());

    scale.until_started(1).await?;
    assert_eq!(small.wait_for(pool, DEADLINE).await?, 7);
    assert_eq!(scale.carried.load(Ordering::SeqCst), 1);
    scale.gate.add_permits(2);
    for job in large {
        job.wait_for(pool, DEADLINE).await?;
    }

    assert_eq!(scale.most.load(Ordering::SeqCst), 1);
    stop.cancel();
    Ok(running.await??)
}
