//! What every driver promises about jobs that attempts enqueue.

use pgq::JobState;
use pgq::driver::{End, Listing};

use super::{Storage, completion, conformance, jobs, one};

conformance! {
    a_completion_and_its_children_come_together,
    a_completion_of_what_is_not_held_has_no_children,
    an_attempt_enqueues_while_it_holds_its_job,
    an_attempt_that_holds_nothing_enqueues_nothing,
}

async fn a_completion_and_its_children_come_together(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let children = [jobs([b"\x01", b"\x02"]), one()];
    let done = completion(&claimed);
    let completed = storage
        .complete_and_enqueue(worker.id, &done, &children)
        .await?;

    assert!(completed);
    let job = storage.job(claimed.id).await?;
    assert_eq!((job.state, job.result), (JobState::Completed, done.result));
    assert_eq!(
        storage
            .list(&Listing::of(JobState::Ready, 100))
            .await?
            .jobs
            .len(),
        3
    );
    Ok(())
}

async fn a_completion_of_what_is_not_held_has_no_children(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (worker, other) = (storage.worker().await?, storage.worker().await?);
    let claimed = worker.claim_one().await?;
    let (done, children) = (completion(&claimed), [one()]);

    let by_another = storage.complete_and_enqueue(other.id, &done, &children);
    assert!(!by_another.await?);
    assert_eq!(storage.job(claimed.id).await?.state, JobState::Running);
    let first = storage.complete_and_enqueue(worker.id, &done, &children);
    assert!(first.await?);
    let again = storage.complete_and_enqueue(worker.id, &done, &children);
    assert!(!again.await?);

    assert_eq!(
        storage
            .list(&Listing::of(JobState::Ready, 100))
            .await?
            .jobs
            .len(),
        1
    );
    Ok(())
}

async fn an_attempt_enqueues_while_it_holds_its_job(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let worker = storage.worker().await?;
    let claimed = worker.claim_one().await?;

    let added = storage
        .enqueue_held(
            worker.id,
            claimed.id,
            claimed.claim,
            jobs([b"\x01", b"\x02"]),
        )
        .await?;

    assert_eq!(added.map(|jobs| jobs.added().len()), Some(2));
    assert_eq!(worker.complete(&claimed).await?, 1);
    assert_eq!(
        storage
            .list(&Listing::of(JobState::Ready, 100))
            .await?
            .jobs
            .len(),
        2
    );
    Ok(())
}

async fn an_attempt_that_holds_nothing_enqueues_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.put(one()).await?;
    let (worker, other) = (storage.worker().await?, storage.worker().await?);
    let claimed = worker.claim_one().await?;
    let (id, claim) = (claimed.id, claimed.claim);

    let by_another = storage.enqueue_held(other.id, id, claim, one()).await?;
    let by_another_claim = storage
        .enqueue_held(worker.id, id, claim + 1, one())
        .await?;
    worker.end(&claimed, End::Failed).await?;
    let at_last = storage.enqueue_held(worker.id, id, claim, one()).await?;

    assert_eq!((by_another, by_another_claim, at_last), (None, None, None));
    assert!(
        storage
            .list(&Listing::of(JobState::Ready, 100))
            .await?
            .jobs
            .is_empty()
    );
    Ok(())
}
