//! The input of a schedule whose maker does not know the task: a worker reads it before it ticks.

use std::collections::BTreeMap;
use std::time::Duration;

use pgq::{
    CancellationToken, JobState, Missed, Overlap, Run, ScheduleBuilder, ScheduleError,
    ScheduleHandle, ScheduleInfo, Task, When,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use serde::Serialize;
use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::{DEADLINE, count, worker};

/// Of which only workers know, as of all tasks here: it is not among those that are linked.
#[pgq::task(register = false, name = "unread/add", input_max = "1KiB")]
async fn add(number: u32, #[default] text: String) -> anyhow::Result<u32> {
    Ok(number + u32::try_from(text.len())?)
}

/// The task as another build has it, in a queue of its own, so that no worker of the first runs its jobs.
mod later {
    #[pgq::task(register = false, name = "unread/add", queue = "later")]
    pub(super) async fn add(number: String) -> anyhow::Result<usize> {
        Ok(number.len())
    }
}

/// A parameter whose own code panics.
#[derive(Debug, Serialize)]
struct Fragile;

impl<'de> serde::Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        assert!(number != 13, "out of order");
        Ok(Self)
    }
}

#[pgq::task(register = false, name = "unread/fragile")]
async fn fragile(part: Fragile) {
    let _ = part;
}

/// A worker that knows the task, and is not heard of.
const SILENT: &str = "insert into pgq_jobs.worker
        (id, lease_until, pid, host, queues, tasks, fingerprints, ticks)
    values (1, now() + interval '1 hour', 1, 'here', '{}', '{unread/add}', '{7}', true)";

/// Far away from any test.
const RARELY: &str = "0 0 29 2 *";

fn every_second() -> When {
    When::every(Duration::from_secs(1))
}

fn of_add<T: Serialize>(number: T) -> ScheduleBuilder {
    let input = BTreeMap::from([("number", number)]);
    ScheduleBuilder::of_task("unread/add", &input, "made", every_second())
}

/// A worker that lives until it is told to stop.
struct Living {
    stop: CancellationToken,
    running: JoinHandle<pgq::Result<()>>,
}

impl Living {
    /// Starts it, and returns once it has said what it knows.
    async fn knowing<T: Task>(database: &TestDatabase) -> anyhow::Result<Self> {
        Self::of(worker::<T>(database), database).await
    }

    async fn of(run: Run, database: &TestDatabase) -> anyhow::Result<Self> {
        let before = count(database.pool(), "worker").await?;
        let stop = CancellationToken::new();
        let run = run.stop_on(stop.clone());
        let running = tokio::spawn(run.into_future());
        eventually("the worker lives", async || {
            Ok(count(database.pool(), "worker").await? == before + 1)
        })
        .await?;
        Ok(Self { stop, running })
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}

async fn completed(pool: &PgPool) -> anyhow::Result<i64> {
    count(pool, "finished where state = 1").await
}

async fn problem(pool: &PgPool, schedule: &ScheduleHandle) -> anyhow::Result<String> {
    eventually("a worker has read the input", async || {
        Ok(schedule.get(pool).await?.problem.is_some())
    })
    .await?;
    Ok(schedule.get(pool).await?.problem.unwrap_or_default())
}

#[tokio::test]
async fn a_schedule_whose_input_is_not_taken_is_not_made() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let worker = Living::knowing::<add>(&database).await?;

    let wrong = of_add("three").create(pool).await.unwrap_err();
    let long = BTreeMap::from([("text", "x".repeat(2000))]);
    let long = ScheduleBuilder::of_task("unread/add", &long, "made", every_second());
    let long = long.create(pool).await.unwrap_err();
    let other = BTreeMap::from([("nummer", 3)]);
    let other = ScheduleBuilder::of_task("unread/add", &other, "made", every_second());
    let other = other.create(pool).await.unwrap_err();

    for (error, expected) in [
        (wrong, "parameter `number` of the input does not decode"),
        (long, "at most 1024 are allowed"),
        (other, "the input has no parameter `number`"),
    ] {
        assert!(matches!(error, ScheduleError::Unfit { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("`made` is not made") && text.contains(expected),
            "{text}"
        );
    }
    assert_eq!(count(pool, "schedule").await?, 0);
    let made = of_add(3).create(pool).await?;
    let info = made.get(pool).await?;
    assert!(info.is_checked && info.is_kept && info.problem.is_none());
    eventually("it ticks", async || Ok(completed(pool).await? > 0)).await?;
    worker.stop().await
}

#[tokio::test]
async fn an_input_that_is_not_taken_leaves_a_schedule_as_it_was() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let worker = Living::knowing::<add>(&database).await?;
    let made = of_add(3).create(pool).await?;

    let wrong = BTreeMap::from([("number", "three")]);
    let edit = || made.edit().input(&wrong).when(When::cron(RARELY));
    let edited = edit().apply(pool).await.unwrap_err();

    let text = edited.to_string();
    assert!(text.contains("is not edited, because its task"), "{text}");
    let ScheduleInfo { expression, .. } = made.get(pool).await?;
    assert_eq!(expression, "every 1s");
    let before = completed(pool).await?;
    eventually("it ticks on", async || {
        Ok(completed(pool).await? > before + 1)
    })
    .await?;
    assert_eq!(count(pool, "finished where state <> 1").await?, 0);
    let right = BTreeMap::from([("number", 4)]);
    made.edit().input(&right).apply(pool).await?;
    assert!(made.get(pool).await?.is_kept);
    worker.stop().await
}

#[tokio::test]
async fn what_nobody_has_read_in_time_is_not_made_and_not_changed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let made = of_add(3).allow_unknown_task().create(pool).await?;
    sqlx::query(SILENT).execute(pool).await?;
    let soon = Duration::from_millis(10);

    let second = BTreeMap::from([("number", 4)]);
    let second = ScheduleBuilder::of_task("unread/add", &second, "second", every_second());
    let second = second.check_within(soon).create(pool).await;
    let edit = made.edit().input(&BTreeMap::from([("number", 4)]));
    let edited = edit.check_within(soon).apply(pool).await;
    let again = of_add(4).create(pool).await;

    for error in [second.unwrap_err(), edited.unwrap_err()] {
        assert!(
            matches!(error, ScheduleError::Unchecked { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains("within 10ms; look whether one runs"),
            "{text}"
        );
    }
    // That needs no worker.
    assert!(matches!(again, Err(ScheduleError::Taken { .. })));
    assert_eq!(count(pool, "schedule").await?, 1);
    assert_eq!(input_of(pool).await?, b"\x02{\"number\":3}");
    assert_eq!(count(pool, "input_question").await?, 0);
    Ok(())
}

async fn input_of(pool: &PgPool) -> anyhow::Result<Vec<u8>> {
    let input = sqlx::query_scalar("select input from pgq_jobs.schedule where name = 'made'");
    Ok(input.fetch_one(pool).await?)
}

async fn has_asked(pool: &PgPool) -> anyhow::Result<()> {
    eventually("it has asked", async || {
        Ok(count(pool, "input_question").await? == 1)
    })
    .await
}

#[tokio::test]
async fn what_others_change_while_a_worker_is_asked_stays() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let input = BTreeMap::from([("number", 3)]);
    let made = ScheduleBuilder::of_task("unread/add", &input, "made", When::cron(RARELY));
    let made = made.allow_unknown_task().create(pool).await?;
    sqlx::query(SILENT).execute(pool).await?;
    let edit = made.edit().input(&BTreeMap::from([("number", 4)]));
    let edit = tokio::spawn({
        let (edit, pool) = (edit.check_within(DEADLINE), pool.clone());
        async move { edit.apply(&pool).await }
    });
    has_asked(pool).await?;

    let other = made.edit().when(When::cron("0 0 1 1 *"));
    other.overlap(Overlap::Skip).apply(pool).await?;
    sqlx::query("update pgq_jobs.input_question set taken_by = 7")
        .execute(pool)
        .await?;
    edit.await??;

    let info = made.get(pool).await?;
    assert_eq!(
        (&*info.expression, info.overlap, info.is_checked),
        ("0 0 1 1 *", Overlap::Skip, true)
    );
    assert_eq!(input_of(pool).await?, b"\x02{\"number\":4}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_asks_changes_nothing() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let made = of_add(3).allow_unknown_task().create(pool).await?;
    sqlx::query(SILENT).execute(pool).await?;
    let edit = made.edit().input(&BTreeMap::from([("number", "three")]));
    let edit = tokio::spawn({
        let pool = pool.clone();
        async move { edit.apply(&pool).await }
    });
    has_asked(pool).await?;

    edit.abort();
    let _ = edit.await;

    assert_eq!(input_of(pool).await?, b"\x02{\"number\":3}");
    // What it has left behind goes with a later question.
    sqlx::query("update pgq_jobs.input_question set asked_at = asked_at - interval '2 hours'")
        .execute(pool)
        .await?;
    let input = BTreeMap::from([("number", 4)]);
    let second = ScheduleBuilder::of_task("unread/add", &input, "second", every_second());
    let second = second.check_within(Duration::ZERO).create(pool).await;
    assert!(matches!(second, Err(ScheduleError::Unchecked { .. })));
    assert_eq!(count(pool, "input_question").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_schedule_that_nobody_could_check_does_not_tick_with_a_wrong_input() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let made = of_add("three").allow_unknown_task().create(pool).await?;
    made.request_trigger(pool).await?;
    let info = made.get(pool).await?;
    assert!(!info.is_checked && info.problem.is_none());

    let worker = Living::knowing::<add>(&database).await?;
    let said = problem(pool, &made).await?;

    assert!(said.contains("parameter `number`"), "{said}");
    let info = made.get(pool).await?;
    assert!(!info.is_checked && !info.is_kept && info.requested_since.is_some());
    made.edit()
        .input(&BTreeMap::from([("number", 3)]))
        .apply(pool)
        .await?;
    eventually("it ticks, and has the job that was requested", async || {
        let info = made.get(pool).await?;
        Ok(info.requested_since.is_none() && completed(pool).await? > 1)
    })
    .await?;
    assert_eq!(count(pool, "finished where state <> 1").await?, 0);
    worker.stop().await
}

#[tokio::test]
async fn only_builds_tick_a_schedule_that_take_its_input() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let made = of_add("three").missed(Missed::Skip).allow_unknown_task();
    let made = made.create(pool).await?;
    let old = Living::knowing::<add>(&database).await?;
    problem(pool, &made).await?;

    let new = Living::knowing::<later::add>(&database).await?;
    eventually("the new build ticks it", async || {
        Ok(completed(pool).await? > 2)
    })
    .await?;

    let info = made.get(pool).await?;
    assert!(info.is_checked && info.is_kept && info.problem.is_none());
    for job in made.runs(pool).await? {
        assert!(
            matches!(
                job.state,
                JobState::Completed | JobState::Ready | JobState::Running
            ),
            "{job:?}"
        );
    }
    new.stop().await?;
    old.stop().await?;
    let info = made.get(pool).await?;
    assert!(!info.is_kept && info.problem.is_none());
    // A deploy back to what does not take it.
    let old = Living::knowing::<add>(&database).await?;
    assert!(problem(pool, &made).await?.contains("parameter `number`"));
    old.stop().await
}

#[tokio::test]
async fn a_parameter_that_panics_takes_no_input_and_holds_up_nobody() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let input = BTreeMap::from([("part", 13)]);
    let broken = ScheduleBuilder::of_task("unread/fragile", &input, "broken", every_second());
    let broken = broken.allow_unknown_task().create(pool).await?;
    of_add(3).allow_unknown_task().create(pool).await?;

    let run = worker::<add>(&database).task::<fragile>();
    let worker = Living::of(run, &database).await?;
    let said = problem(pool, &broken).await?;

    assert!(said.contains("to read it panics"), "{said}");
    eventually("the other ticks", async || Ok(completed(pool).await? > 1)).await?;
    worker.stop().await
}

#[tokio::test]
async fn a_row_that_is_locked_is_looked_at_again() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let locked = of_add(3).allow_unknown_task().create(pool).await?;
    let input = BTreeMap::from([("number", 4)]);
    let free = ScheduleBuilder::of_task("unread/add", &input, "free", When::cron(RARELY));
    let free = free.allow_unknown_task().create(pool).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query("select from pgq_jobs.schedule where name = 'made' for update")
        .execute(&mut *transaction)
        .await?;
    let worker = Living::knowing::<add>(&database).await?;
    // Both were read at once.
    eventually("the other is noted", async || {
        Ok(free.get(pool).await?.is_checked)
    })
    .await?;
    assert!(!locked.get(pool).await?.is_checked);

    transaction.rollback().await?;

    eventually("it ticks", async || Ok(completed(pool).await? > 0)).await?;
    assert!(locked.get(pool).await?.is_checked);
    worker.stop().await
}
