//! What every driver promises about the ticks of schedules.

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use pgq::driver::{Enqueue, Schedule, Start, Tick};
use pgq::{JobState, Overlap};

use super::{SHORT, Storage, conformance, ids, input, one};

conformance! {
    a_tick_enqueues_its_job_and_moves_the_last_tick,
    a_tick_may_enqueue_a_job_that_starts_later,
    a_tick_that_was_overtaken_enqueues_nothing,
    a_later_tick_of_a_caller_that_is_behind_enqueues_nothing,
    two_callers_of_one_tick_enqueue_one_job,
    schedules_tick_on_their_own,
    a_schedule_that_does_not_exist_does_not_tick,
    the_time_of_the_storage_goes_on,
}

pub(super) fn schedule(name: &str) -> Schedule {
    Schedule {
        name: name.to_owned(),
        task: "greet".to_owned(),
        expression: "* * * * *".to_owned(),
        zone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
        policy: pgq::driver::Policy::default(),
        template: pgq::driver::Template::default(),
    }
}

/// A tick of the schedule of that name, a minute after `previous`.
pub(super) fn tick(name: &str, previous: DateTime<Utc>) -> Tick {
    Tick {
        schedule: name.to_owned(),
        digest: schedule(name).digest(),
        previous,
        at: previous + TimeDelta::minutes(1),
        overlap: Overlap::Allow,
        enqueue: one(),
        is_stored: false,
    }
}

/// The last tick of the schedule, which must exist.
pub(super) async fn last_tick(storage: &Storage, name: &str) -> anyhow::Result<DateTime<Utc>> {
    let state = storage.schedules(&[name.to_owned()]).await?;
    match &state.schedules[..] {
        [found] if found.schedule.name == name => Ok(found.last_tick),
        other => anyhow::bail!("asked for {name}, found {other:?}"),
    }
}

async fn a_tick_enqueues_its_job_and_moves_the_last_tick(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    let previous = last_tick(storage, "hourly").await?;
    let mut tick = tick("hourly", previous);
    tick.enqueue = Enqueue {
        priority: 4,
        jobs: vec![b"tick".to_vec().into()],
        ..one()
    };
    let at = tick.at;

    let id = storage.tick(tick).await?;

    let claimed = storage.worker().await?.claim_one().await?;
    assert_eq!(id, Some(claimed.id));
    assert_eq!((claimed.priority, input(&claimed)), (4, &b"tick"[..]));
    assert_eq!(last_tick(storage, "hourly").await?, at);
    assert_eq!(storage.job(claimed.id).await?.state, JobState::Running);
    Ok(())
}

async fn a_tick_may_enqueue_a_job_that_starts_later(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    let previous = last_tick(storage, "hourly").await?;
    let run_at = storage.now().await? + SHORT;
    let mut tick = tick("hourly", previous);
    tick.enqueue.start = Start::At(run_at);

    let id = storage.tick(tick).await?;

    let worker = storage.worker().await?;
    assert_eq!(worker.claim_all().await?.len(), 0);
    let job = storage.job(id.context("no job")?).await?;
    assert_eq!((job.state, job.run_at), (JobState::Scheduled, Some(run_at)));
    storage.pass(SHORT).await?;
    storage.promote(10).await?;
    assert_eq!(Some(worker.claim_one().await?.id), id);
    Ok(())
}

async fn a_tick_that_was_overtaken_enqueues_nothing(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    let previous = last_tick(storage, "hourly").await?;
    let first = storage.tick(tick("hourly", previous)).await?;

    let second = storage.tick(tick("hourly", previous)).await?;
    let early = storage
        .tick(tick("hourly", previous - TimeDelta::hours(1)))
        .await?;

    let claimed = storage.worker().await?.claim_all().await?;
    let moved = last_tick(storage, "hourly").await?;
    assert_eq!((second, early), (None, None));
    assert_eq!(ids(&claimed), first.into_iter().collect::<Vec<_>>());
    assert_eq!(moved, previous + TimeDelta::minutes(1));
    Ok(())
}

async fn a_later_tick_of_a_caller_that_is_behind_enqueues_nothing(
    storage: &Storage,
) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    let previous = last_tick(storage, "hourly").await?;
    let first = tick("hourly", previous);
    let moved = first.at;
    storage.tick(first).await?;

    // What is due may have changed with the last tick.
    let behind = Tick {
        at: previous + TimeDelta::hours(1),
        ..tick("hourly", previous)
    };
    let behind = storage.tick(behind).await?;

    assert_eq!(behind, None);
    assert_eq!(last_tick(storage, "hourly").await?, moved);
    Ok(())
}

async fn two_callers_of_one_tick_enqueue_one_job(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    let previous = last_tick(storage, "hourly").await?;

    let (first, second) = tokio::join!(
        storage.tick(tick("hourly", previous)),
        storage.tick(tick("hourly", previous)),
    );

    let enqueued: Vec<_> = [first?, second?].into_iter().flatten().collect();
    let claimed = storage.worker().await?.claim_all().await?;
    assert_eq!(enqueued.len(), 1);
    assert_eq!(ids(&claimed), enqueued);
    Ok(())
}

async fn schedules_tick_on_their_own(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&["a", "b"].map(schedule)).await?;
    let previous = last_tick(storage, "a").await?;
    let other = last_tick(storage, "b").await?;

    storage.tick(tick("a", previous)).await?;

    assert_eq!(last_tick(storage, "b").await?, other);
    assert!(storage.tick(tick("b", other)).await?.is_some());
    Ok(())
}

async fn a_schedule_that_does_not_exist_does_not_tick(storage: &Storage) -> anyhow::Result<()> {
    let now = storage.now().await?;

    let id = storage.tick(tick("unknown", now)).await?;

    assert_eq!(id, None);
    assert_eq!(storage.worker().await?.claim_all().await?.len(), 0);
    Ok(())
}

async fn the_time_of_the_storage_goes_on(storage: &Storage) -> anyhow::Result<()> {
    let before = storage.now().await?;

    storage.pass(SHORT).await?;

    assert!(storage.now().await? >= before + SHORT);
    Ok(())
}
