//! What every driver promises about inputs of schedules that whoever made them could not check.

use pgq::driver::{
    Build, InputAnswer, InputCheck, KnownTask, Schedule, ScheduleAsk, ScheduleVersion,
    StoredSchedule, Template, WorkerId, WorkerInfo,
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
    who_has_asked_for_an_answer_says_who_takes_an_input,
    a_question_about_an_input_is_answered_once,
    a_question_that_is_forgotten_is_gone,
    workers_are_told_of_questions_as_of_schedules,
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

fn answer(fingerprint: i64, problem: Option<&str>) -> InputAnswer {
    match problem {
        Some(problem) => InputAnswer::Refused(problem.to_owned()),
        None => InputAnswer::Taken(fingerprint),
    }
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
        answer: answer(fingerprint, problem),
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
    // The one that takes it may be gone.
    assert!(note(storage, version, 1, Some("third")).await?);

    let after = stored(storage, "made").await?;
    assert_eq!(
        (after.takes, after.problem.as_deref()),
        (vec![3], Some("third"))
    );
    note(storage, version, 3, None).await?;
    assert_eq!(problem().await?, None);
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
        answer: answer(fingerprint, (fingerprint == 3).then_some("no")),
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

async fn who_has_asked_for_an_answer_says_who_takes_an_input(
    storage: &Storage,
) -> anyhow::Result<()> {
    let driver = storage.driver();
    assert!(driver.make_schedule(&unsaid("made"), Some(7)).await?);
    let made = stored(storage, "made").await?;
    assert_eq!(made.takes, [7]);
    note(storage, made.version(), 8, Some("no")).await?;
    let mut other = unsaid("made");
    other.template.job.input = b"\x02other".to_vec();

    let edited = driver.edit_schedule(&other, made.revision, made.last_tick, Some(9));

    assert!(edited.await?);
    let after = stored(storage, "made").await?;
    assert_eq!((after.takes, after.problem), (vec![9], None));
    Ok(())
}

async fn ask(storage: &Storage, task: &str, input: &[u8]) -> anyhow::Result<i64> {
    Ok(storage.ask_input(task, input).await?)
}

async fn open(storage: &Storage, task: &str) -> anyhow::Result<Vec<i64>> {
    let asked = storage.asked_inputs(&[task.to_owned()], 0, 10).await?;
    Ok(asked.iter().map(|one| one.question).collect())
}

async fn a_question_about_an_input_is_answered_once(storage: &Storage) -> anyhow::Result<()> {
    let question = ask(storage, TASK, b"\x02{}").await?;
    assert_eq!(storage.input_answer(question).await?, None);

    let asked = storage.asked_inputs(&[TASK.to_owned()], 0, 10).await?;
    let asked = (asked.len(), &asked[0].task, &asked[0].input[..]);
    assert_eq!(asked, (1, &TASK.to_owned(), &b"\x02{}"[..]));
    let refused = InputAnswer::Refused("no".to_owned());
    storage.answer_input(question, &refused).await?;
    storage
        .answer_input(question, &InputAnswer::Taken(7))
        .await?;

    assert_eq!(storage.input_answer(question).await?, Some(refused));
    assert!(open(storage, TASK).await?.is_empty());
    let second = ask(storage, TASK, b"\x02{}").await?;
    storage.answer_input(second, &InputAnswer::Taken(7)).await?;
    let answer = storage.input_answer(second).await?;
    assert_eq!(answer, Some(InputAnswer::Taken(7)));
    Ok(())
}

async fn a_question_that_is_forgotten_is_gone(storage: &Storage) -> anyhow::Result<()> {
    let question = ask(storage, TASK, b"\x02{}").await?;

    storage.forget_input(question).await?;

    assert!(open(storage, TASK).await?.is_empty());
    storage
        .answer_input(question, &InputAnswer::Taken(7))
        .await?;
    assert_eq!(storage.input_answer(question).await?, None);
    Ok(())
}

async fn workers_are_told_of_questions_as_of_schedules(storage: &Storage) -> anyhow::Result<()> {
    let worker = storage.worker().await?;
    let changes = async |after| {
        let ask = ScheduleAsk {
            after,
            names: &[],
            tasks: &[TASK.to_owned()],
            limit: 10,
        };
        storage.changed_schedules(ask).await
    };
    assert_eq!(changes(0).await?.asked, 0);
    made(storage, "made").await?;
    let before = storage.directives(worker.id).await?.schedules;

    let question = ask(storage, TASK, b"\x02{}").await?;
    let other = ask(storage, "other", b"\x02{}").await?;

    assert!(before < question && question < other);
    assert_eq!(storage.directives(worker.id).await?.schedules, other);
    let told = changes(before).await?;
    assert_eq!((told.changed.len(), told.asked), (0, other));
    assert_eq!(open(storage, TASK).await?, [question]);
    assert_eq!(open(storage, "other").await?, [other]);
    let tasks = [TASK.to_owned(), "other".to_owned()];
    let first = storage.asked_inputs(&tasks, 0, 1).await?;
    let second = storage.asked_inputs(&tasks, first[0].question, 1).await?;
    assert_eq!([first[0].question, second[0].question], [question, other]);
    assert!(storage.asked_inputs(&tasks, other, 1).await?.is_empty());
    Ok(())
}
