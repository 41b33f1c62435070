//! What every driver promises about jobs of schedules that are requested of whoever ticks them.

use anyhow::Context as _;
use pgq::driver::{Enqueue, StoredSchedule, Ticked, Trigger};
use pgq::{Conflict, JobState};

use super::made::{stored, tick};
use super::schedule::schedule;
use super::stored::of;
use super::{Storage, conformance, one};

conformance! {
    a_job_that_is_requested_is_enqueued_once,
    a_job_that_is_requested_of_a_schedule_that_is_paused_is_enqueued,
    of_several_requests_the_first_counts,
    a_request_outlives_whatever_else_becomes_of_its_schedule,
    a_job_that_is_requested_and_skipped_is_requested_no_more,
    what_was_read_before_a_request_does_not_tick,
    nothing_is_requested_of_a_schedule_that_does_not_exist,
}

/// Answers the request of a schedule, as it was read.
async fn answer(
    storage: &Storage,
    read: &StoredSchedule,
    enqueue: Enqueue,
) -> anyhow::Result<Ticked> {
    anyhow::ensure!(read.requested_at.is_some(), "nothing is requested");
    let trigger = Trigger {
        schedule: &read.schedule.name,
        revision: read.revision,
        requested_at: read.requested_at,
    };
    Ok(storage.driver().trigger(trigger, enqueue).await?)
}

async fn request(storage: &Storage) -> anyhow::Result<StoredSchedule> {
    anyhow::ensure!(storage.driver().request_trigger("made").await?);
    stored(storage, "made").await
}

async fn a_job_that_is_requested_is_enqueued_once(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let before = stored(storage, "made").await?;
    let asked = request(storage).await?;

    let first = answer(storage, &asked, one()).await?;
    let second = answer(storage, &asked, one()).await?;

    assert!(before.requested_at.is_none() && asked.revision > before.revision);
    let job = first.job().context("it has no job")?;
    assert_eq!(storage.job(job).await?.state, JobState::Ready);
    assert_eq!(second, Ticked::Refused);
    let after = stored(storage, "made").await?;
    assert_eq!(
        (after.requested_at, &after.recent, after.last_tick),
        (None, &vec![job], before.last_tick)
    );
    Ok(())
}

async fn a_job_that_is_requested_of_a_schedule_that_is_paused_is_enqueued(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    storage.pause_schedule("made", true).await?;
    let asked = request(storage).await?;

    let answered = answer(storage, &asked, one()).await?;

    assert!(answered.job().is_some());
    assert!(stored(storage, "made").await?.paused_at.is_some());
    Ok(())
}

async fn of_several_requests_the_first_counts(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let first = request(storage).await?;

    let second = request(storage).await?;

    assert_eq!(second.requested_at, first.requested_at);
    assert_eq!(answer(storage, &first, one()).await?, Ticked::Refused);
    assert!(answer(storage, &second, one()).await?.job().is_some());
    Ok(())
}

async fn a_request_outlives_whatever_else_becomes_of_its_schedule(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let asked = request(storage).await?;

    let triggered = storage.trigger("made", asked.revision, one()).await?;
    let ticked = storage.tick(tick(&asked)).await?;
    storage.pause_schedule("made", true).await?;
    let paused = stored(storage, "made").await?;
    storage
        .edit_schedule(&schedule("made"), paused.revision)
        .await?;

    assert!(triggered.is_some() && ticked.is_some());
    let after = stored(storage, "made").await?;
    assert_eq!(after.requested_at, asked.requested_at);
    assert!(answer(storage, &after, one()).await?.job().is_some());
    Ok(())
}

async fn a_job_that_is_requested_and_skipped_is_requested_no_more(
    storage: &Storage,
) -> anyhow::Result<()> {
    let key: &[u8] = b"key";
    let unique = of("made", b"\x01".to_vec(), Some((key, Conflict::Skip)));
    storage.make_schedule(&unique).await?;
    let mut enqueue = one();
    enqueue.jobs[0].key = unique.template.job.key.clone();
    let before = stored(storage, "made").await?;
    let first = storage.trigger("made", before.revision, enqueue.clone());
    assert!(first.await?.is_some());
    let asked = request(storage).await?;

    let answered = answer(storage, &asked, enqueue).await?;

    assert_eq!(answered, Ticked::Skipped);
    assert_eq!(stored(storage, "made").await?.requested_at, None);
    Ok(())
}

async fn what_was_read_before_a_request_does_not_tick(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let before = stored(storage, "made").await?;
    let asked = request(storage).await?;

    let late = storage.tick(tick(&before)).await?;

    assert_eq!(late, None);
    assert!(storage.tick(tick(&asked)).await?.is_some());
    Ok(())
}

async fn nothing_is_requested_of_a_schedule_that_does_not_exist(
    storage: &Storage,
) -> anyhow::Result<()> {
    assert!(!storage.driver().request_trigger("unknown").await?);
    Ok(())
}
