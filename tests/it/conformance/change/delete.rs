//! `delete`.

use std::time::Duration;

use pgq::driver::{End, Start};
use pgq::{ChangeError, JobError, JobState, Jobs};

use super::super::{LONG, Storage, TASK, completion, conformance, ids, jobs, one};
use super::{dead_letters, end_all, handle};

conformance! {
    a_job_is_deleted_in_every_state_but_running,
    a_deleted_job_leaves_no_history,
    a_deleted_job_is_not_claimed,
    a_job_that_is_ready_again_is_deleted,
    a_job_that_was_claimed_since_is_not_deleted,
    only_the_jobs_that_are_asked_for_are_deleted,
}

async fn a_job_is_deleted_in_every_state_but_running(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    storage
        .enqueue(jobs([b"\x01", b"\x02", b"\x03", b"\x04"]))
        .await?;
    let claimed = worker.claim_all().await?;
    worker.complete(&claimed[0]).await?;
    worker.end(&claimed[1], End::Failed).await?;
    worker.end(&claimed[2], End::Cancelled).await?;
    let ready = storage.put(one()).await?;
    let mut later = one();
    later.start = Start::After(LONG);
    let scheduled = storage.put(later).await?;

    for id in [
        claimed[0].id,
        claimed[1].id,
        claimed[2].id,
        ready,
        scheduled,
    ] {
        handle(id).delete(storage.driver()).await?;
        assert!(storage.find(id).await?.is_none(), "{id}");
        let twice = handle(id).delete(storage.driver()).await;
        assert!(matches!(twice, Err(JobError::NotFound { .. })), "{twice:?}");
    }

    let running = claimed[3].id;
    let refused = handle(running).delete(storage.driver()).await;
    assert!(
        matches!(
            refused,
            Err(JobError::State {
                state: JobState::Running,
                ..
            })
        ),
        "{refused:?}"
    );
    let job = storage.job(running).await?;
    assert!(storage.delete(&[job]).await?.is_empty());
    assert_eq!(worker.complete(&claimed[3]).await?, 1);
    Ok(())
}

async fn a_deleted_job_leaves_no_history(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let [id] = dead_letters(&worker, 1).await?[..] else {
        panic!("one job");
    };
    assert_eq!(handle(id).attempts(storage.driver()).await?.len(), 1);

    handle(id).delete(storage.driver()).await?;

    let left = handle(id).attempts(storage.driver()).await;
    assert!(matches!(left, Err(JobError::NotFound { .. })), "{left:?}");
    Ok(())
}

async fn a_deleted_job_is_not_claimed(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let queued = storage.enqueue(jobs([b"\x01", b"\x02", b"\x03"])).await?;

    handle(queued[1]).delete(storage.driver()).await?;

    let claimed = worker.claim_all().await?;
    assert_eq!(ids(&claimed), [queued[0], queued[2]]);
    Ok(())
}

async fn a_job_that_is_ready_again_is_deleted(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    end_all(&worker, End::Release(Duration::ZERO)).await?;

    handle(id).delete(storage.driver()).await?;

    assert!(worker.claim_all().await?.is_empty());
    assert!(storage.find(id).await?.is_none());
    Ok(())
}

async fn a_job_that_was_claimed_since_is_not_deleted(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let seen = storage.job(id).await?;
    let claimed = worker.claim_one().await?;

    assert!(storage.delete(&[seen]).await?.is_empty());

    assert_eq!(
        storage.complete(worker.id, &[completion(&claimed)]).await?,
        1
    );
    Ok(())
}

async fn only_the_jobs_that_are_asked_for_are_deleted(storage: &Storage) -> anyhow::Result<()> {
    let mut kept = Vec::new();
    for task in [TASK, "other", TASK, "other"] {
        let mut enqueue = one();
        enqueue.task = task.into();
        let id = storage.put(enqueue).await?;
        if task == TASK {
            kept.push(id);
        }
    }

    let changes = Jobs::in_state(JobState::Ready)
        .task("other")
        .delete(storage.driver())
        .await?;

    assert_eq!((changes.changed, changes.left), (2, 0));
    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;
    assert_eq!(ids(&claimed), kept);
    let running = Jobs::in_state(JobState::Running);
    let refused = running.delete(storage.driver()).await;
    assert!(matches!(refused, Err(ChangeError::State { .. })));
    Ok(())
}
