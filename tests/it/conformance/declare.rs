//! What every driver promises about the declarations of schedules.

use chrono::TimeDelta;
use pgq::driver::{Build, Schedule, Tick, WorkerInfo};

use super::schedule::{last_tick, schedule, tick};
use super::{LONG, SHORT, Storage, conformance};

conformance! {
    a_new_schedule_last_ticked_when_it_was_declared,
    declaring_again_keeps_the_last_tick,
    a_schedule_whose_expression_changed_begins_anew,
    a_schedule_whose_zone_changed_begins_anew,
    a_schedule_whose_dates_changed_begins_anew,
    only_the_schedules_that_are_asked_for_are_told,
    a_build_with_another_declaration_does_not_tick,
    a_schedule_is_taken_only_from_a_build_that_is_gone,
    ticks_are_due_from_when_a_taken_schedule_was_last_kept,
    to_add_schedules_leaves_those_that_are_there,
    a_worker_that_ticks_no_more_keeps_no_schedule,
    a_schedule_is_retired_that_no_code_declares_for_long,
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

    let mut names: Vec<_> = state
        .schedules
        .iter()
        .map(|found| &*found.schedule.name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "c"]);
    Ok(())
}

async fn a_build_with_another_declaration_does_not_tick(storage: &Storage) -> anyhow::Result<()> {
    let old = schedule("hourly");
    let far = storage.now().await? + 24 * LONG;
    for new in [
        Schedule {
            expression: "@daily".to_owned(),
            ..old.clone()
        },
        Schedule {
            zone: "Europe/Berlin".to_owned(),
            ..old.clone()
        },
        Schedule {
            ends_at: Some(far),
            ..old.clone()
        },
    ] {
        storage
            .declare_schedules(std::slice::from_ref(&new))
            .await?;
        let last = last_tick(storage, "hourly").await?;

        assert_eq!(storage.tick(tick("hourly", last)).await?, None);
        assert_eq!(last_tick(storage, "hourly").await?, last);

        let own = Tick {
            digest: new.digest(),
            ..tick("hourly", last)
        };
        assert!(storage.tick(own).await?.is_some());
    }
    Ok(())
}

fn daily() -> Schedule {
    Schedule {
        expression: "@daily".to_owned(),
        ..schedule("hourly")
    }
}

async fn a_schedule_is_taken_only_from_a_build_that_is_gone(
    storage: &Storage,
) -> anyhow::Result<()> {
    let (old, new) = (daily(), schedule("hourly"));
    storage
        .declare_schedules(std::slice::from_ref(&old))
        .await?;
    let now = storage.now().await?;
    let worker = storage.worker().await?;
    let of_old = WorkerInfo {
        id: pgq::driver::WorkerId::random(),
        build: Build {
            declarations: vec![new.digest() + 1, old.digest()],
            ..Build::default()
        },
        ..worker.info()
    };
    storage.register_worker(of_old.clone()).await?;
    let stored = async || -> anyhow::Result<(i64, bool)> {
        let state = storage.schedules(&["hourly".to_owned()]).await?;
        Ok((state.schedules[0].digest, state.schedules[0].is_kept))
    };

    assert_eq!(stored().await?, (old.digest(), true));
    assert!(!storage.take_schedule(&new, old.digest(), now).await?);
    assert!(storage.heartbeat(of_old.id, SHORT, 0).await?);
    storage.pass(SHORT).await?;
    assert_eq!(stored().await?, (old.digest(), false));
    assert!(!storage.take_schedule(&new, new.digest(), now).await?);
    assert!(storage.take_schedule(&new, old.digest(), now).await?);
    assert!(!storage.take_schedule(&new, old.digest(), now).await?);

    assert_eq!(stored().await?, (new.digest(), false));
    let last = last_tick(storage, "hourly").await?;
    assert!(storage.tick(tick("hourly", last)).await?.is_some());
    Ok(())
}

async fn ticks_are_due_from_when_a_taken_schedule_was_last_kept(
    storage: &Storage,
) -> anyhow::Result<()> {
    let (old, new) = (daily(), schedule("hourly"));
    storage
        .declare_schedules(std::slice::from_ref(&old))
        .await?;
    let declared = last_tick(storage, "hourly").await?;

    let early = declared - TimeDelta::hours(1);
    storage.take_schedule(&new, old.digest(), early).await?;
    assert_eq!(last_tick(storage, "hourly").await?, declared);
    let late = declared + TimeDelta::milliseconds(5);
    storage.take_schedule(&old, new.digest(), late).await?;
    assert_eq!(last_tick(storage, "hourly").await?, late);
    Ok(())
}

async fn to_add_schedules_leaves_those_that_are_there(storage: &Storage) -> anyhow::Result<()> {
    let old = daily();
    storage
        .declare_schedules(std::slice::from_ref(&old))
        .await?;
    let declared = last_tick(storage, "hourly").await?;

    storage
        .add_schedules(&["hourly", "new"].map(schedule))
        .await?;

    let names = ["hourly", "new"].map(str::to_owned);
    let mut state = storage.schedules(&names).await?;
    state
        .schedules
        .sort_by(|one, other| one.schedule.name.cmp(&other.schedule.name));
    let digests: Vec<i64> = state.schedules.iter().map(|found| found.digest).collect();
    assert_eq!(digests, [old.digest(), schedule("new").digest()]);
    assert_eq!(state.schedules[0].last_tick, declared);
    assert!(state.schedules[1].last_tick >= declared);
    Ok(())
}

async fn a_worker_that_ticks_no_more_keeps_no_schedule(storage: &Storage) -> anyhow::Result<()> {
    let own = schedule("hourly");
    storage
        .declare_schedules(std::slice::from_ref(&own))
        .await?;
    let template = storage.worker().await?;
    let worker = WorkerInfo {
        id: pgq::driver::WorkerId::random(),
        build: Build {
            declarations: vec![own.digest()],
            ..Build::default()
        },
        ..template.info()
    };
    storage.register_worker(worker.clone()).await?;
    let is_kept = async || -> anyhow::Result<bool> {
        let state = storage.schedules(&["hourly".to_owned()]).await?;
        Ok(state.schedules[0].is_kept)
    };
    assert!(is_kept().await?);

    storage
        .stop_ticking(pgq::driver::WorkerId::random())
        .await?;
    assert!(is_kept().await?);
    storage.stop_ticking(worker.id).await?;

    assert!(!is_kept().await?);
    assert!(storage.heartbeat(worker.id, LONG, 0).await?);
    assert!(!is_kept().await?);
    Ok(())
}

async fn a_schedule_is_retired_that_no_code_declares_for_long(
    storage: &Storage,
) -> anyhow::Result<()> {
    let declared = ["gone", "kept"].map(schedule);
    storage.declare_schedules(&declared).await?;
    storage.make_schedule(&schedule("made")).await?;
    let template = storage.worker().await?;
    let worker = WorkerInfo {
        id: pgq::driver::WorkerId::random(),
        build: Build {
            schedules: vec!["kept".to_owned()],
            ..Build::default()
        },
        ..template.info()
    };
    storage.register_worker(worker.clone()).await?;
    let names = async || -> anyhow::Result<Vec<String>> {
        let state = storage.list_schedules(None, 10).await?;
        let names = state.schedules.into_iter().map(|one| one.schedule.name);
        Ok(names.collect())
    };

    assert!(storage.retire_schedules(LONG).await?.is_empty());
    storage.pass(2 * SHORT).await?;
    let before = storage.worker().await?;
    let before = storage.directives(before.id).await?.schedules;
    assert_eq!(storage.retire_schedules(SHORT).await?, ["gone"]);
    assert_eq!(names().await?, ["kept", "made"]);
    let after = storage.directives(worker.id).await?.schedules;
    assert!(after > before, "a deletion is told");

    // The time begins when the last worker was seen.
    storage.deregister_worker(worker.id).await?;
    assert!(storage.retire_schedules(LONG).await?.is_empty());
    storage.pass(2 * SHORT).await?;
    assert_eq!(storage.retire_schedules(SHORT).await?, ["kept"]);
    assert_eq!(names().await?, ["made"]);
    Ok(())
}
