//! What every driver promises about `find`.

use std::time::Duration;

use pgq::driver::{End, Enqueue, Start};
use pgq::{Job, JobId, JobState};

use super::{LONG, QUEUE, SHORT, Storage, TASK, conformance, one};

conformance! {
    a_job_that_does_not_exist_is_not_found,
    a_scheduled_job_is_found,
    a_ready_job_is_found,
    a_running_job_is_found,
    a_completed_job_is_found,
    a_failed_job_is_found,
    counts_tell_the_life_of_a_job,
}

/// What stays the same in every state.
fn assert_identity(job: &Job, id: JobId) {
    assert_eq!(job.id, id);
    assert_eq!((&*job.task, &*job.queue), (TASK, QUEUE));
    assert_eq!((job.priority, job.max_attempts), (3, 8));
}

fn enqueue() -> Enqueue {
    Enqueue {
        priority: 3,
        max_attempts: 8,
        ..one()
    }
}

async fn a_job_that_does_not_exist_is_not_found(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(one()).await?;

    for other in [0, -1, id.as_i64() + 1, i64::MAX] {
        assert!(storage.find(JobId::from_i64(other)).await?.is_none());
    }
    Ok(())
}

async fn a_scheduled_job_is_found(storage: &Storage) -> anyhow::Result<()> {
    let id = storage
        .put(Enqueue {
            start: Start::After(LONG),
            ..enqueue()
        })
        .await?;

    let job = storage.job(id).await?;

    assert_identity(&job, id);
    assert_eq!(job.state, JobState::Scheduled);
    assert_eq!((job.attempt, job.deliveries, job.deaths), (0, 0, 0));
    assert_eq!(job.run_at, Some(job.created_at + LONG));
    assert_eq!((job.claimed_at, job.finished_at), (None, None));
    assert_eq!((job.result, job.error), (None, None));
    Ok(())
}

async fn a_ready_job_is_found(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(enqueue()).await?;

    let job = storage.job(id).await?;

    assert_identity(&job, id);
    assert_eq!(job.state, JobState::Ready);
    assert_eq!((job.attempt, job.deliveries, job.deaths), (0, 0, 0));
    assert_eq!(
        (job.run_at, job.claimed_at, job.finished_at),
        (None, None, None)
    );
    assert_eq!((job.result, job.error), (None, None));
    Ok(())
}

async fn a_running_job_is_found(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(enqueue()).await?;
    storage.pass(SHORT).await?;
    let before = storage.now().await?;
    storage.worker().await?.claim_one().await?;
    let after = storage.now().await?;

    let job = storage.job(id).await?;

    assert_identity(&job, id);
    assert_eq!(job.state, JobState::Running);
    assert_eq!((job.attempt, job.deliveries, job.deaths), (1, 1, 0));
    let claimed_at = job.claimed_at.unwrap_or_default();
    assert!((before..=after).contains(&claimed_at), "{job:?}");
    assert!(job.created_at < claimed_at, "{job:?}");
    assert_eq!((job.run_at, job.finished_at), (None, None));
    assert_eq!((job.result, job.error), (None, None));
    Ok(())
}

async fn a_completed_job_is_found(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(enqueue()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    let running = storage.job(id).await?;
    storage.pass(SHORT).await?;
    worker.complete(&claimed).await?;

    let job = storage.job(id).await?;

    assert_identity(&job, id);
    assert_eq!(job.state, JobState::Completed);
    assert_eq!((job.attempt, job.deliveries, job.deaths), (1, 1, 0));
    assert_eq!(job.created_at, running.created_at);
    assert_eq!((job.run_at, job.claimed_at), (None, running.claimed_at));
    assert!(job.finished_at > job.claimed_at, "{job:?}");
    assert_eq!(job.result.as_deref(), Some(&b"\x01result"[..]));
    assert_eq!(job.error, None);
    Ok(())
}

async fn a_failed_job_is_found(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(enqueue()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    let running = storage.job(id).await?;
    storage.pass(SHORT).await?;
    worker.end(&claimed, End::Failed).await?;

    let job = storage.job(id).await?;

    assert_identity(&job, id);
    assert_eq!(job.state, JobState::Failed);
    assert_eq!((job.attempt, job.deliveries, job.deaths), (1, 1, 0));
    assert_eq!(job.created_at, running.created_at);
    assert_eq!((job.run_at, job.claimed_at), (None, running.claimed_at));
    assert!(job.finished_at > job.claimed_at, "{job:?}");
    assert_eq!((job.result, job.error.as_deref()), (None, Some("no luck")));
    Ok(())
}

async fn counts_tell_the_life_of_a_job(storage: &Storage) -> anyhow::Result<()> {
    let id = storage.put(enqueue()).await?;
    let mut counts = Vec::new();

    let dead = storage.worker().await?;
    dead.claim_one().await?;
    dead.die().await?;
    storage.rescue(3).await?;
    counts.push(storage.job(id).await?);

    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;
    worker.end(&claimed, End::Retry(Duration::ZERO)).await?;
    counts.push(storage.job(id).await?);

    storage.promote(10).await?;
    let claimed = worker.claim_one().await?;
    worker.end(&claimed, End::Release(Duration::ZERO)).await?;
    counts.push(storage.job(id).await?);

    let claimed = worker.claim_one().await?;
    worker.complete(&claimed).await?;
    counts.push(storage.job(id).await?);

    let counts: Vec<_> = counts
        .iter()
        .map(|job| (job.attempt, job.deliveries, job.deaths))
        .collect();
    assert_eq!(counts, [(0, 1, 1), (1, 2, 1), (1, 3, 1), (2, 4, 1)]);
    Ok(())
}
