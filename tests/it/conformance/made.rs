//! What every driver promises about schedules that are made at run time, and changed.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta};
use pgq::driver::{
    Build, Detail, Expires, NewJob, NewKey, Policy, Schedule, ScheduleAsk, StoredSchedule,
    Template, Tick, WorkerInfo,
};
use pgq::{Conflict, JobState, Missed, Overlap};

use super::schedule::schedule;
use super::{LONG, SHORT, Storage, TASK, conformance, input, one};

conformance! {
    what_was_made_is_there_with_all_that_was_said,
    a_name_is_given_once,
    what_was_made_is_not_declared,
    an_edit_begins_anew_if_the_times_change,
    an_edit_of_what_has_changed_since_is_refused,
    what_was_read_before_an_edit_does_not_tick,
    what_was_deleted_does_not_tick,
    only_what_was_made_is_edited_or_deleted,
    a_paused_schedule_does_not_tick,
    a_pause_skips_its_ticks_if_the_schedule_does,
    a_deletion_is_told,
    a_job_that_is_triggered_is_no_tick,
    changes_are_told_in_their_order,
    a_worker_is_told_of_changes_of_its_own_only,
    schedules_are_listed_by_name,
    ticks_of_many_schedules_are_enqueued_at_once,
}

fn unusual(name: &str) -> Schedule {
    let hour = Duration::from_secs(3600);
    let job = NewJob::new(b"\x01input".to_vec()).detail(Detail {
        expires: Some(Expires::After(hour)),
        tags: vec!["billing".to_owned()],
        ..Detail::default()
    });
    Schedule {
        zone: "Europe/Berlin".to_owned(),
        starts_at: DateTime::from_timestamp(1_700_000_000, 0),
        ends_at: DateTime::from_timestamp(4_000_000_000, 0),
        policy: Policy {
            missed: Missed::All { within: hour },
            overlap: Overlap::Skip,
            jitter: Duration::from_millis(1500),
        },
        template: Template {
            queue: Some("urgent".to_owned()),
            priority: Some(7),
            max_attempts: Some(9),
            fingerprint: Some(-5),
            job: job.key(NewKey {
                key: b"key".to_vec(),
                within: Some(hour),
                conflict: Conflict::Replace,
            }),
        },
        ..schedule(name)
    }
}

pub(super) async fn stored(storage: &Storage, name: &str) -> anyhow::Result<StoredSchedule> {
    let mut state = storage.schedules(&[name.to_owned()]).await?;
    state.schedules.pop().context("there is no such schedule")
}

/// The tick a minute after the last one.
pub(super) fn tick(stored: &StoredSchedule) -> Tick {
    Tick {
        schedule: stored.schedule.name.clone(),
        digest: stored.digest,
        previous: stored.last_tick,
        at: stored.last_tick + TimeDelta::minutes(1),
        overlap: stored.schedule.policy.overlap,
        enqueue: one(),
        is_stored: false,
    }
}

async fn changes(storage: &Storage, after: i64) -> anyhow::Result<(Vec<String>, i64)> {
    let ask = ScheduleAsk {
        after,
        names: &["own".to_owned()],
        tasks: &[TASK.to_owned()],
        limit: 100,
    };
    let changes = storage.changed_schedules(ask).await?;
    let names = changes.changed.into_iter().map(|(_, name)| name);
    Ok((names.collect(), changes.last))
}

async fn what_was_made_is_there_with_all_that_was_said(storage: &Storage) -> anyhow::Result<()> {
    let before = storage.now().await?;
    let made = unusual("made");

    assert!(storage.make_schedule(&made).await?);

    let found = stored(storage, "made").await?;
    let mut whole = found.schedule.clone();
    let input = storage.schedule_input("made", found.revision).await?;
    let input = input.context("it has no input")?;
    assert_eq!(found.input_bytes, input.input.len());
    let job = &mut whole.template.job;
    job.input = input.input;
    job.key.as_mut().context("it has no key")?.key = input.key.unwrap_or_default();
    assert_eq!(job.input, made.template.job.input);
    assert_eq!(job.key, made.template.job.key);
    assert_eq!(format!("{whole:?}"), format!("{made:?}"));
    assert_eq!((found.made, found.digest), (true, found.revision));
    assert!(found.last_tick >= before && found.paused_at.is_none() && !found.is_kept);
    assert_eq!(found.recent, []);
    Ok(())
}

async fn a_name_is_given_once(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("declared")]).await?;

    assert!(storage.make_schedule(&schedule("made")).await?);
    let first = stored(storage, "made").await?;
    assert!(!storage.make_schedule(&unusual("made")).await?);
    assert!(!storage.make_schedule(&schedule("declared")).await?);

    let second = stored(storage, "made").await?;
    assert_eq!(second.revision, first.revision);
    assert_eq!(second.schedule.zone, "UTC");
    assert!(!stored(storage, "declared").await?.made);
    Ok(())
}

async fn what_was_made_is_not_declared(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let before = stored(storage, "made").await?;
    let now = storage.now().await?;

    storage.declare_schedules(&[unusual("made")]).await?;
    storage.add_schedules(&[unusual("made")]).await?;
    let taken = storage
        .take_schedule(&unusual("made"), before.digest, now)
        .await?;

    let after = stored(storage, "made").await?;
    assert!(!taken && after.made);
    assert_eq!(
        (after.digest, after.last_tick),
        (before.digest, before.last_tick)
    );
    Ok(())
}

async fn an_edit_begins_anew_if_the_times_change(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let first = stored(storage, "made").await?;
    storage.pass(SHORT).await?;

    let other_input = Schedule {
        template: unusual("made").template,
        policy: unusual("made").policy,
        ..schedule("made")
    };
    assert!(storage.edit_schedule(&other_input, first.revision).await?);
    let second = stored(storage, "made").await?;
    assert_eq!(second.last_tick, first.last_tick);
    assert!(second.revision > first.revision);

    let other_times = Schedule {
        expression: "@daily".to_owned(),
        ..other_input
    };
    let now = storage.now().await?;
    assert!(storage.edit_schedule(&other_times, second.revision).await?);
    let third = stored(storage, "made").await?;
    assert!(third.last_tick >= now);

    // One that has ticked for the future, by a clock that was set back, does not do so twice.
    let far = Tick {
        at: third.last_tick + LONG,
        ..tick(&third)
    };
    storage.tick(far).await?;
    assert!(
        storage
            .edit_schedule(&schedule("made"), third.revision)
            .await?
    );
    let fourth = stored(storage, "made").await?;
    assert_eq!(fourth.last_tick, third.last_tick + LONG);
    Ok(())
}

async fn an_edit_of_what_has_changed_since_is_refused(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let seen = stored(storage, "made").await?.revision;
    assert!(storage.edit_schedule(&unusual("made"), seen).await?);

    assert!(!storage.edit_schedule(&schedule("made"), seen).await?);
    assert!(!storage.edit_schedule(&schedule("unknown"), seen).await?);

    assert_eq!(
        stored(storage, "made").await?.schedule.zone,
        "Europe/Berlin"
    );
    Ok(())
}

async fn what_was_read_before_an_edit_does_not_tick(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let before = stored(storage, "made").await?;
    // The times are the same, and the input is another one.
    let edited = Schedule {
        template: unusual("made").template,
        ..schedule("made")
    };
    storage.edit_schedule(&edited, before.revision).await?;

    let late = storage.tick(tick(&before)).await?;
    let triggered = storage.trigger("made", before.revision, one()).await?;

    assert_eq!((late, triggered), (None, None));
    let after = stored(storage, "made").await?;
    assert_eq!(after.last_tick, before.last_tick);
    assert!(storage.tick(tick(&after)).await?.is_some());
    assert_eq!(storage.worker().await?.claim_all().await?.len(), 1);
    Ok(())
}

async fn what_was_deleted_does_not_tick(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    let before = stored(storage, "made").await?;

    assert!(storage.delete_schedule("made").await?);
    assert!(!storage.delete_schedule("made").await?);
    let late = storage.tick(tick(&before)).await?;
    storage.make_schedule(&schedule("made")).await?;
    let later = storage.tick(tick(&before)).await?;

    assert_eq!((late, later), (None, None));
    assert_eq!(storage.worker().await?.claim_all().await?.len(), 0);
    Ok(())
}

async fn only_what_was_made_is_edited_or_deleted(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("own")]).await?;
    let declared = stored(storage, "own").await?;

    let other = unusual("own");
    assert!(!storage.edit_schedule(&other, declared.revision).await?);
    let template = storage.worker().await?;
    let worker = WorkerInfo {
        id: pgq::driver::WorkerId::random(),
        build: Build {
            schedules: vec!["own".to_owned()],
            ..Build::default()
        },
        ..template.info()
    };
    storage.register_worker(worker.clone()).await?;
    assert!(!storage.delete_schedule("own").await?);
    assert_eq!(stored(storage, "own").await?.digest, declared.digest);

    // Nobody declares it any more.
    storage.deregister_worker(worker.id).await?;
    assert!(storage.delete_schedule("own").await?);
    Ok(())
}

async fn a_paused_schedule_does_not_tick(storage: &Storage) -> anyhow::Result<()> {
    storage.declare_schedules(&[schedule("own")]).await?;
    storage.make_schedule(&schedule("made")).await?;
    for name in ["own", "made"] {
        let before = stored(storage, name).await?;

        assert_eq!(storage.pause_schedule(name, true).await?, Some(true));
        assert_eq!(storage.pause_schedule(name, true).await?, Some(false));
        let paused = stored(storage, name).await?;
        assert!(paused.paused_at.is_some() && paused.revision > before.revision);
        assert_eq!(storage.tick(tick(&before)).await?, None);
        assert_eq!(storage.tick(tick(&paused)).await?, None);

        // What code declares does not end a pause.
        storage.declare_schedules(&[schedule("own")]).await?;
        assert!(stored(storage, name).await?.paused_at.is_some());

        assert_eq!(storage.pause_schedule(name, false).await?, Some(true));
        assert_eq!(storage.pause_schedule(name, false).await?, Some(false));
        let resumed = stored(storage, name).await?;
        assert_eq!(
            (resumed.paused_at, resumed.last_tick),
            (None, before.last_tick)
        );
        assert!(storage.tick(tick(&resumed)).await?.is_some());
    }
    assert_eq!(storage.pause_schedule("unknown", true).await?, None);
    Ok(())
}

async fn a_pause_skips_its_ticks_if_the_schedule_does(storage: &Storage) -> anyhow::Result<()> {
    let mut skip = schedule("made");
    skip.policy.missed = Missed::Skip;
    storage.make_schedule(&skip).await?;
    storage.pause_schedule("made", true).await?;
    storage.pass(SHORT).await?;
    let now = storage.now().await?;

    storage.pause_schedule("made", false).await?;

    assert!(stored(storage, "made").await?.last_tick >= now);
    Ok(())
}

async fn a_deletion_is_told(storage: &Storage) -> anyhow::Result<()> {
    storage.make_schedule(&schedule("made")).await?;
    storage.make_schedule(&schedule("last")).await?;
    let ask = ScheduleAsk {
        after: 0,
        names: &[],
        tasks: &[],
        limit: 1,
    };
    let before = storage.changed_schedules(ask.clone()).await?;
    assert_eq!(before.deleted, 0);

    storage.delete_schedule("last").await?;

    let after = storage.changed_schedules(ask).await?;
    assert!(after.deleted > before.last && after.last == after.deleted);
    let worker = storage.worker().await?;
    let directives = storage.directives(worker.id).await?;
    assert_eq!(directives.schedules, after.last);
    Ok(())
}

async fn a_job_that_is_triggered_is_no_tick(storage: &Storage) -> anyhow::Result<()> {
    let skip = Schedule {
        policy: Policy {
            overlap: Overlap::Skip,
            ..Policy::default()
        },
        ..schedule("made")
    };
    storage.make_schedule(&skip).await?;
    storage.pause_schedule("made", true).await?;
    let before = stored(storage, "made").await?;

    let triggered = storage.trigger("made", before.revision, one()).await?;

    let triggered = triggered.context("it has no job")?;
    let after = stored(storage, "made").await?;
    assert_eq!(after.last_tick, before.last_tick);
    assert_eq!(
        (after.revision, &after.recent),
        (before.revision, &vec![triggered])
    );
    assert_eq!(storage.job(triggered).await?.state, JobState::Ready);
    // Nor does the next tick wait for it.
    storage.pause_schedule("made", false).await?;
    let resumed = stored(storage, "made").await?;
    assert!(storage.tick(tick(&resumed)).await?.is_some());
    assert_eq!(storage.trigger("unknown", 7, one()).await?, None);
    Ok(())
}

async fn changes_are_told_in_their_order(storage: &Storage) -> anyhow::Result<()> {
    assert_eq!(changes(storage, 0).await?, (Vec::new(), 0));
    storage.declare_schedules(&[schedule("own")]).await?;
    storage.make_schedule(&schedule("made")).await?;
    let (names, first) = changes(storage, 0).await?;
    assert_eq!(names, ["own", "made"]);

    let own = stored(storage, "own").await?;
    storage.tick(tick(&own)).await?;
    assert_eq!(changes(storage, first).await?, (Vec::new(), first));
    storage.pause_schedule("own", true).await?;
    let (names, second) = changes(storage, first).await?;
    assert_eq!(names, ["own"]);
    let made = stored(storage, "made").await?;
    storage
        .edit_schedule(&unusual("made"), made.revision)
        .await?;

    let (names, third) = changes(storage, first).await?;
    assert_eq!(names, ["own", "made"]);
    assert!(third > second);
    let worker = storage.worker().await?;
    assert_eq!(storage.directives(worker.id).await?.schedules, third);
    let one = storage
        .changed_schedules(ScheduleAsk {
            after: 0,
            names: &["own".to_owned()],
            tasks: &[TASK.to_owned()],
            limit: 1,
        })
        .await?;
    assert_eq!(one.changed, [(second, "own".to_owned())]);
    Ok(())
}

async fn a_worker_is_told_of_changes_of_its_own_only(storage: &Storage) -> anyhow::Result<()> {
    storage
        .declare_schedules(&["own", "of another service"].map(schedule))
        .await?;
    let unknown = Schedule {
        task: "unknown".to_owned(),
        ..schedule("made")
    };
    storage.make_schedule(&unknown).await?;

    let (names, last) = changes(storage, 0).await?;

    assert_eq!(names, ["own"]);
    assert_eq!(last, stored(storage, "made").await?.revision);
    Ok(())
}

async fn schedules_are_listed_by_name(storage: &Storage) -> anyhow::Result<()> {
    for name in ["b", "a", "B", "c"] {
        storage.make_schedule(&schedule(name)).await?;
    }
    storage.declare_schedules(&[schedule("b2")]).await?;
    let names = async |after: Option<&str>, limit| -> anyhow::Result<Vec<String>> {
        let state = storage.list_schedules(after, limit).await?;
        let names = state.schedules.into_iter().map(|one| one.schedule.name);
        Ok(names.collect())
    };

    assert_eq!(names(None, 3).await?, ["B", "a", "b"]);
    assert_eq!(names(Some("b"), 3).await?, ["b2", "c"]);
    assert_eq!(names(Some("c"), 3).await?, Vec::<String>::new());
    Ok(())
}

async fn ticks_of_many_schedules_are_enqueued_at_once(storage: &Storage) -> anyhow::Result<()> {
    let names = ["d", "c", "b", "a", "paused", "unique"];
    for name in names {
        storage.make_schedule(&schedule(name)).await?;
    }
    storage.pause_schedule("paused", true).await?;
    let mut ticks = Vec::new();
    for (place, name) in (0..).zip(names) {
        let mut tick = tick(&stored(storage, name).await?);
        tick.enqueue.priority = place;
        ticks.push(tick);
    }
    // Each with something of its own, and one that another worker has enqueued.
    let large = vec![1; 5000];
    ticks[0].enqueue.jobs = vec![NewJob::new(large.clone())];
    ticks[1].enqueue.jobs[0].detail = Some(Box::new(Detail {
        tags: vec!["billing".to_owned()],
        ..Detail::default()
    }));
    storage.tick(ticks[2].clone()).await?;
    ticks[3].enqueue.start = pgq::Start::At(storage.now().await? + LONG);
    ticks[5].enqueue.jobs[0].key = Some(Box::new(NewKey {
        key: b"key".to_vec(),
        within: None,
        conflict: Conflict::Skip,
    }));

    let jobs = storage.driver().tick(ticks).await?;
    let jobs: Vec<_> = jobs.into_iter().map(pgq::driver::Ticked::job).collect();

    let had: Vec<bool> = jobs.iter().map(Option::is_some).collect();
    assert_eq!(had, [true, true, false, true, false, true]);
    let job = async |place: usize| storage.job(jobs[place].context("no job")?).await;
    assert_eq!(job(3).await?.state, JobState::Scheduled);
    assert_eq!(job(1).await?.priority, 1);
    let tags = job(1).await?.detail.map(|detail| detail.tags);
    assert_eq!(tags, Some(vec!["billing".to_owned()]));
    let worker = storage.worker().await?;
    let claimed = worker.claim_all().await?;
    let priorities: Vec<i16> = claimed.iter().map(|job| job.priority).collect();
    assert_eq!(priorities, [5, 2, 1, 0]);
    let large_job = claimed.last().context("no job")?;
    let held = storage
        .inputs(worker.id, &[(large_job.id, large_job.claim)])
        .await?;
    assert_eq!(held[0].input.as_deref(), Some(&*large));
    assert_eq!(input(&claimed[2]), b"\x01");
    for (name, job) in names.into_iter().zip(&jobs) {
        let recent = stored(storage, name).await?.recent;
        assert_eq!(
            recent.first(),
            if name == "b" {
                recent.first()
            } else {
                job.as_ref()
            }
        );
    }
    Ok(())
}
