//! What every driver promises about inputs of schedules that whoever made them could not check.

use pgq::driver::{
    Build, InputCheck, KnownTask, Schedule, ScheduleVersion, StoredSchedule, Template, WorkerId,
    WorkerInfo,
};

use super::made::stored;
use super::schedule::schedule;
use super::{Storage, TASK, conformance};

conformance! {
    what_a_build_makes_of_an_input_is_noted,
    the_first_problem_stays_until_a_build_takes_the_input,
    of_many_builds_the_last_are_remembered,
    another_version_is_not_noted,
    another_input_is_taken_by_nobody_yet,
    several_inputs_are_read_and_noted_at_once,
    a_worker_that_takes_its_input_keeps_a_schedule,
    only_the_version_that_is_meant_is_deleted,
}

/// One whose maker does not know its task.
fn unsaid(name: &str) -> Schedule {
    let mut schedule = schedule(name);
    schedule.template = Template::default();
    schedule.template.job.input = format!("\x02{name}").into_bytes();
    schedule
}

async fn made(storage: &Storage, name: &str) -> anyhow::Result<StoredSchedule> {
    anyhow::ensure!(storage.make_schedule(&unsaid(name)).await?);
    stored(storage, name).await
}

/// What the build of that fingerprint makes of the input, and whether that was noted.
async fn note(
    storage: &Storage,
    version: ScheduleVersion<'_>,
    fingerprint: i64,
    problem: Option<&str>,
) -> anyhow::Result<bool> {
    let check = InputCheck {
        schedule: version,
        fingerprint,
        problem: problem.map(str::to_owned),
    };
    Ok(storage.note_checks(&[check]).await? == [true])
}

async fn what_a_build_makes_of_an_input_is_noted(storage: &Storage) -> anyhow::Result<()> {
    let taken = made(storage, "taken").await?;
    let refused = made(storage, "refused").await?;
    assert!(taken.takes.is_empty() && taken.problem.is_none());

    assert!(note(storage, taken.version(), 7, None).await?);
    assert!(note(storage, taken.version(), 7, None).await?);
    assert!(note(storage, refused.version(), 7, Some("no")).await?);

    let after = stored(storage, "taken").await?;
    assert_eq!((after.takes, after.problem), (vec![7], None));
    // It is no change of the schedule.
    assert_eq!(after.revision, taken.revision);
    let after = stored(storage, "refused").await?;
    assert_eq!(
        (after.takes, after.problem.as_deref()),
        (vec![], Some("no"))
    );
    Ok(())
}

async fn the_first_problem_stays_until_a_build_takes_the_input(
    storage: &Storage,
) -> anyhow::Result<()> {
    let made = made(storage, "made").await?;
    let version = made.version();
    let problem =
        async || -> anyhow::Result<Option<String>> { Ok(stored(storage, "made").await?.problem) };

    note(storage, version, 1, Some("first")).await?;
    note(storage, version, 2, Some("second")).await?;
    assert_eq!(problem().await?.as_deref(), Some("first"));
    note(storage, version, 3, None).await?;
    assert_eq!(problem().await?, None);
    assert!(note(storage, version, 1, Some("third")).await?);

    let after = stored(storage, "made").await?;
    assert_eq!((after.takes, after.problem), (vec![3], None));
    Ok(())
}

async fn of_many_builds_the_last_are_remembered(storage: &Storage) -> anyhow::Result<()> {
    let made = made(storage, "made").await?;

    for build in 1..=12 {
        note(storage, made.version(), build, None).await?;
    }

    let last: Vec<i64> = (3..=12).rev().collect();
    assert_eq!(stored(storage, "made").await?.takes, last);
    Ok(())
}

async fn another_version_is_not_noted(storage: &Storage) -> anyhow::Result<()> {
    let before = made(storage, "made").await?;
    storage.pause_schedule("made", true).await?;
    let unknown = ScheduleVersion {
        name: "unknown",
        revision: before.revision,
    };

    assert!(!note(storage, before.version(), 7, None).await?);
    assert!(!note(storage, unknown, 7, None).await?);

    assert!(stored(storage, "made").await?.takes.is_empty());
    Ok(())
}

async fn another_input_is_taken_by_nobody_yet(storage: &Storage) -> anyhow::Result<()> {
    let made = made(storage, "made").await?;
    note(storage, made.version(), 7, None).await?;
    storage.pause_schedule("made", true).await?;
    let paused = stored(storage, "made").await?;
    let times = Schedule {
        expression: "@yearly".to_owned(),
        ..unsaid("made")
    };
    assert!(storage.edit_schedule(&times, paused.revision).await?);
    let edited = stored(storage, "made").await?;
    assert_eq!(edited.takes, [7]);

    let mut other = times.clone();
    other.template.job.input = b"\x02other".to_vec();
    assert!(storage.edit_schedule(&other, edited.revision).await?);

    let edited = stored(storage, "made").await?;
    assert_eq!((&edited.takes[..], &edited.problem), (&[][..], &None));
    note(storage, edited.version(), 7, Some("no")).await?;
    let task = Schedule {
        task: "another".to_owned(),
        ..other
    };
    assert!(storage.edit_schedule(&task, edited.revision).await?);
    assert_eq!(stored(storage, "made").await?.problem, None);
    Ok(())
}

async fn several_inputs_are_read_and_noted_at_once(storage: &Storage) -> anyhow::Result<()> {
    let (first, second) = (
        made(storage, "first").await?,
        made(storage, "second").await?,
    );
    let gone = ScheduleVersion {
        name: "gone",
        revision: 7,
    };
    let versions = [second.version(), gone, first.version()];

    let read = storage.schedule_inputs(&versions).await?;
    let check = |(fingerprint, version)| InputCheck {
        schedule: version,
        fingerprint,
        problem: (fingerprint == 3).then(|| "no".to_owned()),
    };
    let checks: Vec<InputCheck<'_>> = (1..).zip(versions).map(check).collect();
    let noted = storage.note_checks(&checks).await?;

    let inputs = read.into_iter().map(|read| read.map(|read| read.input));
    let expected = [
        Some(b"\x02second".to_vec()),
        None,
        Some(b"\x02first".to_vec()),
    ];
    assert_eq!(inputs.collect::<Vec<_>>(), expected);
    assert_eq!(noted, [true, false, true]);
    assert_eq!(stored(storage, "second").await?.takes, [1]);
    let refused = stored(storage, "first").await?;
    assert_eq!(refused.problem.as_deref(), Some("no"));
    assert_eq!(storage.schedule_inputs(&[]).await?, []);
    assert_eq!(storage.note_checks(&[]).await?, [false; 0]);
    Ok(())
}

/// A worker that ticks and knows the task, by this fingerprint.
async fn lives(storage: &Storage, fingerprint: i64) -> anyhow::Result<WorkerId> {
    let build = Build {
        tasks: vec![KnownTask {
            name: TASK.to_owned(),
            fingerprint,
        }],
        ticks: true,
        ..Build::default()
    };
    let info = WorkerInfo {
        id: WorkerId::random(),
        build,
        ..storage.worker().await?.info()
    };
    anyhow::ensure!(storage.register_worker(info.clone()).await?);
    Ok(info.id)
}

async fn a_worker_that_takes_its_input_keeps_a_schedule(storage: &Storage) -> anyhow::Result<()> {
    let made = made(storage, "made").await?;
    let is_kept = async || -> anyhow::Result<bool> {
        let listed = storage.list_schedules(None, 1).await?;
        let read = stored(storage, "made").await?;
        anyhow::ensure!(listed.schedules[0].is_kept == read.is_kept);
        Ok(read.is_kept)
    };
    let worker = lives(storage, 7).await?;
    assert!(!is_kept().await?, "nobody has read its input");

    note(storage, made.version(), 7, None).await?;

    assert!(is_kept().await?);
    storage.deregister_worker(worker).await?;
    let other = lives(storage, 8).await?;
    assert!(!is_kept().await?, "another build has read its input");
    storage.deregister_worker(other).await?;
    lives(storage, 7).await?;
    assert!(is_kept().await?);
    Ok(())
}

async fn only_the_version_that_is_meant_is_deleted(storage: &Storage) -> anyhow::Result<()> {
    let before = made(storage, "made").await?;
    storage.pause_schedule("made", true).await?;
    let after = stored(storage, "made").await?;
    let driver = storage.driver();
    let delete = async |revision| driver.delete_schedule("made", Some(revision)).await;

    assert!(!delete(before.revision).await?);
    assert!(delete(after.revision).await?);
    assert!(!delete(after.revision).await?);
    Ok(())
}
