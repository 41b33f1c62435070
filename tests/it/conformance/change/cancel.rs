//! `cancel` of many.

use pgq::driver::{End, Start};
use pgq::{ChangeError, JobState, Jobs};

use super::super::{LONG, Storage, conformance, jobs, one};
use super::dead_letters;

conformance! {
    jobs_that_wait_are_cancelled_by_what_is_asked_for,
    jobs_that_run_are_cancelled_when_they_would_run_again,
    jobs_that_have_ended_are_not_cancelled,
}

async fn jobs_that_wait_are_cancelled_by_what_is_asked_for(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    for task in ["greet", "other"] {
        for start in [Start::Now, Start::After(LONG)] {
            let mut enqueue = jobs([b"\x01", b"\x02", b"\x03"]);
            enqueue.task = task.into();
            enqueue.start = start;
            storage.enqueue(enqueue).await?;
        }
    }

    for state in [JobState::Ready, JobState::Scheduled] {
        let others = Jobs::in_state(state).task("other");
        let changes = others.cancel(storage.driver()).await?;
        assert_eq!((changes.changed, changes.left), (3, 0), "{state}");
        let left = Jobs::in_state(state).list(storage.driver()).await?;
        assert_eq!(left.jobs.len(), 3, "{state}");
    }

    let cancelled = Jobs::in_state(JobState::Cancelled);
    assert_eq!(cancelled.list(storage.driver()).await?.jobs.len(), 6);
    assert_eq!(worker.claim_all().await?.len(), 3);
    Ok(())
}

async fn jobs_that_run_are_cancelled_when_they_would_run_again(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let claimed = worker.claim_one().await?;

    let changes = Jobs::in_state(JobState::Running)
        .ids([id])
        .cancel(storage.driver())
        .await?;
    assert_eq!((changes.changed, changes.left), (1, 0));
    assert_eq!(storage.state(id).await?, JobState::Running);
    worker.end(&claimed, End::Retry(LONG)).await?;

    assert_eq!(storage.state(id).await?, JobState::Cancelled);
    Ok(())
}

async fn jobs_that_have_ended_are_not_cancelled(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    dead_letters(&worker, 1).await?;

    let refused = Jobs::in_state(JobState::Failed)
        .cancel(storage.driver())
        .await;

    assert!(matches!(refused, Err(ChangeError::State { .. })));
    Ok(())
}
