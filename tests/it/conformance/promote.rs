//! What every driver promises about `promote`.

use std::time::Duration;

use pgq::driver::{Enqueue, Promoted, Start};
use pgq::{JobId, JobState};

use super::{LONG, SHORT, Storage, conformance, one};

conformance! {
    nothing_is_promoted_where_nothing_is_scheduled,
    a_promoted_job_is_ready,
    no_more_than_the_limit_are_promoted,
    the_first_due_are_promoted_first,
    the_next_is_as_far_as_it_is,
    what_is_left_over_is_due_now,
    a_job_is_promoted_once,
}

/// Enqueues a job that was due that many seconds ago.
async fn overdue(storage: &Storage, seconds: u64) -> anyhow::Result<JobId> {
    let time = storage.now().await? - Duration::from_secs(seconds);
    storage
        .put(Enqueue {
            start: Start::At(time),
            ..one()
        })
        .await
}

async fn later(storage: &Storage, delay: Duration) -> anyhow::Result<JobId> {
    storage
        .put(Enqueue {
            start: Start::After(delay),
            ..one()
        })
        .await
}

async fn nothing_is_promoted_where_nothing_is_scheduled(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;

    let promoted = storage.promote(10).await?;

    assert_eq!(promoted, Promoted::default());
    Ok(())
}

async fn a_promoted_job_is_ready(storage: &Storage) -> anyhow::Result<()> {
    let id = later(storage, SHORT).await?;
    storage.pass(SHORT).await?;

    let promoted = storage.promote(10).await?;

    let job = storage.job(id).await?;
    assert_eq!((promoted.jobs, promoted.next), (1, None));
    assert_eq!((job.state, job.run_at), (JobState::Ready, None));
    assert_eq!((job.attempt, job.deliveries), (0, 0));
    Ok(())
}

async fn no_more_than_the_limit_are_promoted(storage: &Storage) -> anyhow::Result<()> {
    let ids = [later(storage, SHORT).await?, later(storage, SHORT).await?];
    let third = later(storage, SHORT).await?;
    storage.pass(SHORT).await?;

    let counts = [
        storage.promote(2).await?.jobs,
        storage.promote(2).await?.jobs,
        storage.promote(2).await?.jobs,
    ];

    assert_eq!(counts, [2, 1, 0]);
    for id in ids.into_iter().chain([third]) {
        assert_eq!(storage.job(id).await?.state, JobState::Ready);
    }
    Ok(())
}

async fn the_first_due_are_promoted_first(storage: &Storage) -> anyhow::Result<()> {
    let second = overdue(storage, 20).await?;
    let third = overdue(storage, 10).await?;
    let first = overdue(storage, 30).await?;
    let worker = storage.worker().await?;

    let mut order = Vec::new();
    for _ in 0..3 {
        storage.promote(1).await?;
        order.push(worker.claim_one().await?.id);
    }

    assert_eq!(order, [first, second, third]);
    Ok(())
}

async fn the_next_is_as_far_as_it_is(storage: &Storage) -> anyhow::Result<()> {
    later(storage, 2 * LONG).await?;
    later(storage, LONG).await?;
    overdue(storage, 1).await?;

    let promoted = storage.promote(10).await?;

    let next = promoted.next.unwrap_or_default();
    assert_eq!(promoted.jobs, 1);
    assert!(next <= LONG && next > LONG / 2, "{next:?}");
    Ok(())
}

async fn what_is_left_over_is_due_now(storage: &Storage) -> anyhow::Result<()> {
    overdue(storage, 1).await?;
    overdue(storage, 1).await?;

    let promoted = storage.promote(1).await?;

    assert_eq!((promoted.jobs, promoted.next), (1, Some(Duration::ZERO)));
    Ok(())
}

async fn a_job_is_promoted_once(storage: &Storage) -> anyhow::Result<()> {
    overdue(storage, 1).await?;
    overdue(storage, 1).await?;

    let (first, second) = tokio::join!(storage.promote(10), storage.promote(10));

    let claimed = storage.worker().await?.claim_all().await?;
    assert_eq!(first?.jobs + second?.jobs, 2);
    assert_eq!(claimed.len(), 2);
    Ok(())
}
