//! `reschedule`.

use std::time::Duration;

use pgq::driver::{End, Start, Topic, Wake};
use pgq::{ChangeError, JobError, JobId, JobState, Jobs};

use super::super::listen::{hear, parked};
use super::super::{LONG, Storage, conformance, ids, jobs, one};
use super::{dead_letters, handle};

conformance! {
    a_scheduled_job_can_start_at_once,
    a_scheduled_job_can_start_later,
    a_ready_job_can_start_later,
    a_job_that_is_ready_again_can_start_later,
    a_time_that_has_passed_means_now,
    a_ready_job_that_is_to_start_now_stays_where_it_is,
    a_job_that_runs_or_has_ended_is_not_rescheduled,
    a_job_that_was_claimed_since_is_not_rescheduled,
    a_reschedule_to_soon_wakes,
    a_job_is_not_put_off_for_longer_than_it_can_be_delayed,
}

async fn put_off(storage: &Storage) -> anyhow::Result<JobId> {
    let mut later = one();
    later.start = Start::After(LONG);
    storage.put(later).await
}

async fn a_scheduled_job_can_start_at_once(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = put_off(storage).await?;

    handle(id).reschedule(storage.driver(), Start::Now).await?;

    assert_eq!(storage.promote(10).await?.jobs, 1);
    assert_eq!(worker.claim_one().await?.id, id);
    Ok(())
}

async fn a_scheduled_job_can_start_later(storage: &Storage) -> anyhow::Result<()> {
    let id = put_off(storage).await?;
    let before = storage.now().await?;

    handle(id)
        .reschedule(storage.driver(), Start::After(2 * LONG))
        .await?;

    let run_at = storage.job(id).await?.run_at.unwrap_or_default();
    assert!(run_at >= before + 2 * LONG, "{run_at}");
    let time = before + 3 * LONG;
    let scheduled = Jobs::in_state(JobState::Scheduled);
    let changes = scheduled
        .reschedule(storage.driver(), Start::At(time))
        .await?;
    assert_eq!((changes.changed, changes.left), (1, 0));
    let job = storage.job(id).await?;
    let apart = (job.run_at.unwrap_or_default() - time).abs();
    assert!(apart < chrono::Duration::milliseconds(1), "{job:?}");
    Ok(())
}

async fn a_ready_job_can_start_later(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let queued = storage.enqueue(jobs([b"\x01", b"\x02"])).await?;

    handle(queued[0])
        .reschedule(storage.driver(), Start::After(LONG))
        .await?;

    assert_eq!(storage.state(queued[0]).await?, JobState::Scheduled);
    assert_eq!(ids(&worker.claim_all().await?), [queued[1]]);
    Ok(())
}

async fn a_job_that_is_ready_again_can_start_later(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let claimed = worker.claim_one().await?;
    worker.end(&claimed, End::Retry(Duration::ZERO)).await?;
    storage.promote(10).await?;

    handle(id)
        .reschedule(storage.driver(), Start::After(LONG))
        .await?;

    let job = storage.job(id).await?;
    assert_eq!(job.state, JobState::Scheduled);
    assert_eq!((job.attempt, job.deliveries), (1, 1));
    assert!(worker.claim_all().await?.is_empty());
    Ok(())
}

async fn a_time_that_has_passed_means_now(storage: &Storage) -> anyhow::Result<()> {
    let id = put_off(storage).await?;
    let before = storage.now().await?;

    handle(id)
        .reschedule(storage.driver(), Start::At(before - LONG))
        .await?;

    let run_at = storage.job(id).await?.run_at.unwrap_or_default();
    assert!(run_at >= before, "{run_at} < {before}");
    assert_eq!(storage.promote(10).await?.jobs, 1);
    Ok(())
}

async fn a_ready_job_that_is_to_start_now_stays_where_it_is(
    storage: &Storage,
) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let queued = storage.enqueue(jobs([b"\x01", b"\x02"])).await?;

    handle(queued[0])
        .reschedule(storage.driver(), Start::Now)
        .await?;
    let ready = Jobs::in_state(JobState::Ready);
    ready.reschedule(storage.driver(), Start::Now).await?;

    assert_eq!(ids(&worker.claim_all().await?), queued);
    Ok(())
}

async fn a_job_that_runs_or_has_ended_is_not_rescheduled(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let [dead] = dead_letters(&worker, 1).await?[..] else {
        panic!("one job");
    };
    let running = storage.put(one()).await?;
    let claimed = worker.claim_one().await?;

    for id in [dead, running] {
        let refused = handle(id).reschedule(storage.driver(), Start::Now).await;
        assert!(
            matches!(refused, Err(JobError::State { .. })),
            "{refused:?}"
        );
        let job = storage.job(id).await?;
        assert!(storage.reschedule(&[job], Start::Now).await?.is_empty());
    }
    assert_eq!(worker.complete(&claimed).await?, 1);
    Ok(())
}

async fn a_job_that_was_claimed_since_is_not_rescheduled(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let id = storage.put(one()).await?;
    let seen = storage.job(id).await?;
    let claimed = worker.claim_one().await?;

    let moved = storage.reschedule(&[seen], Start::After(LONG)).await?;

    assert!(moved.is_empty());
    assert_eq!(worker.complete(&claimed).await?, 1);
    Ok(())
}

async fn a_reschedule_to_soon_wakes(storage: &Storage) -> anyhow::Result<()> {
    let id = put_off(storage).await?;
    let mut listener = parked(storage, [Topic::Scheduled]).await?;

    handle(id).reschedule(storage.driver(), Start::Now).await?;

    hear(&mut *listener, &Wake::Scheduled).await
}

async fn a_job_is_not_put_off_for_longer_than_it_can_be_delayed(
    storage: &Storage,
) -> anyhow::Result<()> {
    let id = put_off(storage).await?;
    let before = storage.job(id).await?.run_at;

    let too_long = Start::After(Duration::MAX);
    let one = handle(id).reschedule(storage.driver(), too_long).await;
    let all = Jobs::in_state(JobState::Scheduled);
    let all = all.reschedule(storage.driver(), too_long).await;

    assert!(matches!(one, Err(JobError::Delay { .. })), "{one:?}");
    assert!(matches!(all, Err(ChangeError::Delay { .. })), "{all:?}");
    assert_eq!(storage.job(id).await?.run_at, before);
    Ok(())
}
