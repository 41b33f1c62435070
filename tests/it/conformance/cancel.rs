//! What every driver promises about `cancel`.

use std::time::Duration;

use pgq::driver::{Cancellation, End, Enqueue, Start, Wake};
use pgq::{JobId, JobState};
use tokio::time::timeout;

use super::{LONG, Storage, conformance, one};

conformance! {
    a_job_that_waits_is_cancelled_at_once,
    a_job_that_is_ready_again_is_cancelled_at_once,
    a_running_job_is_a_directive_of_its_worker_until_it_has_ended,
    a_request_is_heard_by_a_listener_that_is_not_parked,
    a_requested_job_does_not_run_again,
    a_requested_job_may_still_complete_or_fail,
    a_requested_job_of_a_worker_that_stops_is_cancelled,
    a_requested_job_of_a_worker_that_dies_is_cancelled,
    a_job_that_has_ended_keeps_its_state,
    a_job_that_is_not_there_is_not_cancelled,
}

/// How long a wake-up may take. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

async fn a_job_that_waits_is_cancelled_at_once(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let urgent = storage
        .put(Enqueue {
            priority: 9,
            ..one()
        })
        .await?;
    let delayed = Enqueue {
        start: Start::After(LONG),
        ..one()
    };
    let jobs = [
        storage.put(one()).await?,
        urgent,
        storage.put(delayed).await?,
    ];
    let other = storage.put(one()).await?;

    for job in jobs {
        assert_eq!(storage.cancel(job).await?, Some(Cancellation::Cancelled));

        let stored = storage.job(job).await?;
        assert_eq!((stored.state, stored.deliveries), (JobState::Cancelled, 0));
        assert!(stored.finished_at.is_some());
    }
    let claimed = worker.claim_all().await?;
    assert_eq!(super::ids(&claimed), [other]);
    Ok(())
}

async fn a_job_that_is_ready_again_is_cancelled_at_once(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let job = storage.put(one()).await?;
    worker
        .end(&worker.claim_one().await?, End::Release(Duration::ZERO))
        .await?;

    assert_eq!(storage.cancel(job).await?, Some(Cancellation::Cancelled));

    assert_eq!(storage.job(job).await?.state, JobState::Cancelled);
    assert!(worker.claim_all().await?.is_empty());
    Ok(())
}

async fn a_running_job_is_a_directive_of_its_worker_until_it_has_ended(
    storage: &Storage,
) -> anyhow::Result<()> {
    let (worker, other) = (storage.worker().await?, storage.worker().await?);
    let id = storage.put(one()).await?;
    let job = worker.claim_one().await?;

    for _ in 0..2 {
        assert_eq!(storage.cancel(id).await?, Some(Cancellation::Requested));
        let directives = storage.directives(worker.id).await?;
        assert_eq!(directives.cancel, [(id, job.claim)]);
    }
    assert!(storage.directives(other.id).await?.cancel.is_empty());
    assert_eq!(storage.job(id).await?.state, JobState::Running);

    worker.complete(&job).await?;
    // The first look may still find it.
    storage.directives(worker.id).await?;
    assert!(storage.directives(worker.id).await?.cancel.is_empty());
    Ok(())
}

async fn a_request_is_heard_by_a_listener_that_is_not_parked(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    worker.claim_one().await?;
    let mut listener = storage.listen().await?;

    storage.cancel(id).await?;

    assert_eq!(timeout(PATIENCE, listener.recv()).await??, Wake::Directives);
    Ok(())
}

async fn a_requested_job_does_not_run_again(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    for end in [
        End::Retry(LONG),
        End::Release(Duration::ZERO),
        End::Release(LONG),
    ] {
        let id = storage.put(one()).await?;
        let job = worker.claim_one().await?;
        storage.cancel(id).await?;

        assert_eq!(worker.end(&job, end).await?, 1);

        let stored = storage.job(id).await?;
        assert_eq!(stored.state, JobState::Cancelled, "{end:?}");
    }
    assert!(worker.claim_all().await?.is_empty());
    Ok(())
}

async fn a_requested_job_may_still_complete_or_fail(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let completes = storage.put(one()).await?;
    let job = worker.claim_one().await?;
    storage.cancel(completes).await?;
    assert_eq!(worker.complete(&job).await?, 1);

    let fails = storage.put(one()).await?;
    let job = worker.claim_one().await?;
    storage.cancel(fails).await?;
    assert_eq!(worker.end(&job, End::Failed).await?, 1);

    assert_eq!(storage.job(completes).await?.state, JobState::Completed);
    assert_eq!(storage.job(fails).await?.state, JobState::Failed);
    Ok(())
}

async fn a_requested_job_of_a_worker_that_stops_is_cancelled(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let (cancelled, other) = (storage.put(one()).await?, storage.put(one()).await?);
    worker.claim_all().await?;
    storage.cancel(cancelled).await?;

    storage.deregister_worker(worker.id).await?;

    assert_eq!(storage.job(cancelled).await?.state, JobState::Cancelled);
    assert_eq!(storage.job(other).await?.state, JobState::Ready);
    Ok(())
}

async fn a_requested_job_of_a_worker_that_dies_is_cancelled(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let (cancelled, other) = (storage.put(one()).await?, storage.put(one()).await?);
    worker.claim_all().await?;
    storage.cancel(cancelled).await?;
    worker.die().await?;

    let rescued = storage.rescue(3).await?;

    assert_eq!((rescued.cancelled, rescued.ready), (1, 1));
    assert_eq!(storage.job(cancelled).await?.state, JobState::Cancelled);
    assert_eq!(storage.job(other).await?.state, JobState::Ready);
    Ok(())
}

async fn a_job_that_has_ended_keeps_its_state(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    worker.complete(&worker.claim_one().await?).await?;

    let cancelled = storage.cancel(id).await?;

    let finished = Cancellation::AlreadyFinished(JobState::Completed);
    assert_eq!(cancelled, Some(finished));
    assert_eq!(storage.job(id).await?.state, JobState::Completed);
    Ok(())
}

async fn a_job_that_is_not_there_is_not_cancelled(storage: &Storage) -> anyhow::Result<()> {
    assert_eq!(storage.cancel(JobId::from_i64(7)).await?, None);
    Ok(())
}
