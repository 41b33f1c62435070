//! What every driver promises about a tick that comes while the job before it is not finished.

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use pgq::driver::{End, Schedule, Tick};
use pgq::{JobId, JobState, Overlap};

use super::{LONG, SHORT, Storage, conformance, one};

conformance! {
    a_tick_is_skipped_until_the_job_before_it_is_finished,
    a_tick_waits_until_the_job_before_it_is_finished,
    a_job_that_is_tried_again_is_not_finished,
    jobs_overlap_if_they_may,
    a_job_that_runs_is_cancelled_by_the_next_tick,
    a_job_that_waits_is_cancelled_by_the_next_tick,
    a_tick_that_is_refused_cancels_nothing,
    other_jobs_of_the_task_do_not_count,
    one_schedule_does_not_wait_for_another,
}

/// The minutes of a schedule, one tick after the other.
struct Minutes<'a> {
    storage: &'a Storage,
    schedule: Schedule,
    overlap: Overlap,
    last: DateTime<Utc>,
}

impl<'a> Minutes<'a> {
    async fn new(
        storage: &'a Storage,
        name: &'static str,
        overlap: Overlap,
    ) -> anyhow::Result<Self> {
        let schedule = Schedule {
            name: name.to_owned(),
            task: super::TASK.to_owned(),
            expression: "* * * * *".to_owned(),
            zone: "UTC".to_owned(),
            starts_at: None,
            ends_at: None,
            policy: pgq::driver::Policy::default(),
            template: pgq::driver::Template::default(),
        };
        storage
            .declare_schedules(std::slice::from_ref(&schedule))
            .await?;
        let mut minutes = Self {
            storage,
            schedule,
            overlap,
            last: DateTime::UNIX_EPOCH,
        };
        minutes.last = minutes.last_tick().await?;
        Ok(minutes)
    }

    async fn last_tick(&self) -> anyhow::Result<DateTime<Utc>> {
        let state = self
            .storage
            .schedules(std::slice::from_ref(&self.schedule.name))
            .await?;
        Ok(state.schedules[0].last_tick)
    }

    /// The job of the next minute, and whether its tick is over.
    async fn tick(&mut self) -> anyhow::Result<(Option<JobId>, bool)> {
        let at = self.last + TimeDelta::minutes(1);
        let tick = Tick {
            schedule: self.schedule.name.clone(),
            digest: self.schedule.digest(),
            previous: self.last,
            at,
            overlap: self.overlap,
            enqueue: one(),
            is_stored: false,
        };
        let job = self.storage.tick(tick).await?;
        self.last = self.last_tick().await?;
        Ok((job, self.last == at))
    }
}

async fn a_tick_is_skipped_until_the_job_before_it_is_finished(
    storage: &Storage,
) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::Skip).await?;
    let worker = storage.worker().await?;

    let (first, _) = minutes.tick().await?;
    assert!(first.is_some());
    assert_eq!(minutes.tick().await?, (None, true));
    let claimed = worker.claim_one().await?;
    assert_eq!(minutes.tick().await?, (None, true));
    worker.complete(&claimed).await?;

    let (second, over) = minutes.tick().await?;
    assert!(second.is_some() && over);
    assert_eq!(minutes.tick().await?, (None, true));
    assert_eq!(worker.claim_all().await?.len(), 1);
    Ok(())
}

async fn a_tick_waits_until_the_job_before_it_is_finished(storage: &Storage) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::QueueOne).await?;
    let worker = storage.worker().await?;

    let (first, _) = minutes.tick().await?;
    assert!(first.is_some());
    assert_eq!(minutes.tick().await?, (None, false));
    let claimed = worker.claim_one().await?;
    assert_eq!(minutes.tick().await?, (None, false));
    worker.complete(&claimed).await?;

    let (second, over) = minutes.tick().await?;
    assert!(second.is_some() && over);
    Ok(())
}

async fn a_job_that_is_tried_again_is_not_finished(storage: &Storage) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::QueueOne).await?;
    let worker = storage.worker().await?;
    minutes.tick().await?;
    let claimed = worker.claim_one().await?;

    worker.end(&claimed, End::Retry(SHORT)).await?;
    assert_eq!(minutes.tick().await?, (None, false));
    // It is ready once more, under another number.
    storage.pass(SHORT).await?;
    storage.promote(10).await?;
    assert_eq!(minutes.tick().await?, (None, false));
    let claimed = worker.claim_one().await?;
    worker.complete(&claimed).await?;

    let (job, _) = minutes.tick().await?;
    assert!(job.is_some());
    Ok(())
}

async fn jobs_overlap_if_they_may(storage: &Storage) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::Allow).await?;
    for _ in 0..3 {
        let (job, over) = minutes.tick().await?;
        assert!(job.is_some() && over);
    }
    assert_eq!(storage.worker().await?.claim_all().await?.len(), 3);
    Ok(())
}

async fn a_job_that_runs_is_cancelled_by_the_next_tick(storage: &Storage) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::CancelRunning).await?;
    let worker = storage.worker().await?;
    minutes.tick().await?;
    let first = worker.claim_one().await?;
    assert_eq!(storage.directives(worker.id).await?.cancel, []);

    let (second, over) = minutes.tick().await?;

    assert!(second.is_some() && over);
    let asked = storage.directives(worker.id).await?.cancel;
    assert_eq!(asked, [(first.id, first.claim)]);
    // The new one does not wait for the end of the other.
    let claimed = worker.claim_one().await?;
    assert_eq!(Some(claimed.id), second);
    worker.end(&first, End::Retry(SHORT)).await?;
    assert_eq!(storage.job(first.id).await?.state, JobState::Cancelled);
    assert_eq!(storage.job(claimed.id).await?.state, JobState::Running);
    Ok(())
}

async fn a_job_that_waits_is_cancelled_by_the_next_tick(storage: &Storage) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::CancelRunning).await?;
    let worker = storage.worker().await?;
    let (first, _) = minutes.tick().await?;

    let (second, _) = minutes.tick().await?;
    let claimed = worker.claim_one().await?;
    assert_eq!(Some(claimed.id), second);
    worker.end(&claimed, End::Retry(LONG)).await?;
    let (third, _) = minutes.tick().await?;

    let mut states = Vec::new();
    for job in [first, second, third] {
        states.push(storage.job(job.context("no job")?).await?.state);
    }
    let cancelled = JobState::Cancelled;
    assert_eq!(states, [cancelled, cancelled, JobState::Ready]);
    Ok(())
}

async fn a_tick_that_is_refused_cancels_nothing(storage: &Storage) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::CancelRunning).await?;
    let (first, _) = minutes.tick().await?;
    let before = minutes.last - TimeDelta::minutes(1);

    minutes.last = before;
    let (second, _) = minutes.tick().await?;

    assert_eq!(second, None);
    let first = storage.job(first.context("no job")?).await?;
    assert_eq!(first.state, JobState::Ready);
    Ok(())
}

async fn other_jobs_of_the_task_do_not_count(storage: &Storage) -> anyhow::Result<()> {
    let mut minutes = Minutes::new(storage, "minutes", Overlap::Skip).await?;
    storage.put(one()).await?;

    let (job, _) = minutes.tick().await?;

    assert!(job.is_some());
    Ok(())
}

async fn one_schedule_does_not_wait_for_another(storage: &Storage) -> anyhow::Result<()> {
    let mut first = Minutes::new(storage, "first", Overlap::Skip).await?;
    let mut second = Minutes::new(storage, "second", Overlap::Skip).await?;

    assert!(first.tick().await?.0.is_some());
    assert!(second.tick().await?.0.is_some());
    Ok(())
}
