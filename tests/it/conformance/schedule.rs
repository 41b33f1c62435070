//! What every driver promises about schedules.

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use pgq::driver::{Enqueue, Schedule, Start, Tick};
use pgq::{JobState, Overlap};

use super::{SHORT, Storage, conformance, ids, input, one};

conformance! {
    a_new_schedule_last_ticked_when_it_was_declared,
    declaring_again_keeps_the_last_tick,
    a_schedule_whose_expression_changed_begins_anew,
    a_schedule_whose_zone_changed_begins_anew,
    a_schedule_whose_dates_changed_begins_anew,
    only_the_schedules_that_are_asked_for_are_told,
    a_tick_enqueues_its_job_and_moves_the_last_tick,
    a_tick_may_enqueue_a_job_that_starts_later,
    a_tick_that_was_overtaken_enqueues_nothing,
    a_later_tick_of_a_caller_that_is_behind_enqueues_nothing,
    two_callers_of_one_tick_enqueue_one_job,
    schedules_tick_on_their_own,
    a_schedule_that_does_not_exist_does_not_tick,
    the_time_of_the_storage_goes_on,
}

fn schedule(name: &str) -> Schedule {
    Schedule {
        name: name.to_owned(),
        task: "greet".to_owned(),
        expression: "* * * * *".to_owned(),
        zone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
    }
}

/// A tick of `schedule`, a minute after `previous`.
fn tick(schedule: &str, previous: DateTime<Utc>) -> Tick {
    Tick {
        schedule: schedule.to_owned(),
        previous,
        at: previous + TimeDelta::minutes(1),
        overlap: Overlap::Allow,
        enqueue: one(),
    }
}

/// The last tick of the schedule, which must exist.
async fn last_tick(storage: &Storage, name: &str) -> anyhow::Result<DateTime<Utc>> {
    let state = storage.schedules(&[name.to_owned()]).await?;
    match &state.last_ticks[..] {
        [(found, last_tick)] if found == name => Ok(*last_tick),
        other => anyhow::bail!("asked for {name}, found {other:?}"),
    }
}

async fn a_new_schedule_last_ticked_when_it_was_declared(storage: &Storage) -> anyhow::Result<()> {
    let before = storage.now().await?;

    storage.declare_schedules(&[schedule("hourly")]).await?;

    let after = storage.now().await?;
    let last_tick = last_tick(storage, "hourly").await?;
    assert!((before..=after).contains(&last_tick), "{last_tick}");
    Ok(())
}

async fn declaring_again_keeps_the_last_tick(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    let first = last_tick(storage, "hourly").await?;
    storage.tick(tick("hourly", first)).await?;
    storage.pass(SHORT).await?;

    let declared = [schedule("hourly"), schedule("new")];
    storage.declare_schedules(&declared).await?;

    let kept = last_tick(storage, "hourly").await?;
    assert_eq!(kept, first + TimeDelta::minutes(1));
    assert!(last_tick(storage, "new").await? > first);
    Ok(())
}

async fn a_schedule_whose_expression_changed_begins_anew(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    storage.pass(SHORT).await?;
    let before = storage.now().await?;

    let changed = Schedule {
        expression: "@daily".to_owned(),
        ..schedule("hourly")
    };
    storage
        .declare_schedules(std::slice::from_ref(&changed))
        .await?;
    let begun = last_tick(storage, "hourly").await?;
    storage.pass(SHORT).await?;
    storage.declare_schedules(&[changed]).await?;

    assert!(begun >= before, "{begun} is before {before}");
    assert_eq!(last_tick(storage, "hourly").await?, begun);
    Ok(())
}

async fn a_schedule_whose_zone_changed_begins_anew(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("hourly")]).await?;
    storage.pass(SHORT).await?;
    let before = storage.now().await?;

    let changed = Schedule {
        zone: "Europe/Berlin".to_owned(),
        ..schedule("hourly")
    };
    storage
        .declare_schedules(std::slice::from_ref(&changed))
        .await?;
    let begun = last_tick(storage, "hourly").await?;
    storage.pass(SHORT).await?;
    storage.declare_schedules(&[changed]).await?;

    assert!(begun >= before, "{begun} is before {before}");
    assert_eq!(last_tick(storage, "hourly").await?, begun);
    Ok(())
}

async fn a_schedule_whose_dates_changed_begins_anew(storage: &Storage) -> anyhow::Result<()> {
    let (starts, ends) = (schedule("starts"), schedule("ends"));
    storage
        .declare_schedules(&[starts.clone(), ends.clone()])
        .await?;
    let first = last_tick(storage, "starts").await?;
    storage.pass(SHORT).await?;
    let before = storage.now().await?;

    let changed = [
        Schedule {
            starts_at: Some(first - TimeDelta::days(1)),
            ..starts
        },
        Schedule {
            ends_at: Some(first + TimeDelta::days(1)),
            ..ends
        },
    ];
    storage.declare_schedules(&changed).await?;
    let begun = last_tick(storage, "starts").await?;
    let other = last_tick(storage, "ends").await?;
    storage.pass(SHORT).await?;
    storage.declare_schedules(&changed).await?;

    assert!(
        before <= begun.min(other),
        "{begun} and {other} are before {before}"
    );
    assert_eq!(last_tick(storage, "starts").await?, begun);
    assert_eq!(last_tick(storage, "ends").await?, other);
    Ok(())
}

async fn only_the_schedules_that_are_asked_for_are_told(storage: &Storage) -> anyhow::Result<()> {
    let declared = ["a", "b", "c"].map(schedule);
    storage.declare_schedules(&declared).await?;

    let asked = ["c", "a", "unknown"].map(str::to_owned);
    let state = storage.schedules(&asked).await?;

    let mut names: Vec<_> = state.last_ticks.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "c"]);
    Ok(())
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
