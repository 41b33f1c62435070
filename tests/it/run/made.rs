//! Schedules that are made at run time.

use std::collections::BTreeMap;
use std::time::Duration;

use pgq::{
    CancellationToken, Error, JobState, Missed, Overlap, Registration, Run, ScheduleBuilder,
    ScheduleDescriptor, ScheduleError, ScheduleHandle, Schedules, Source, Task as _, Timing, When,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;

use super::{count, drain, worker};

#[pgq::task(name = "made/double", queue = "numbers")]
async fn double(number: u32) -> anyhow::Result<u32> {
    Ok(number * 2)
}

#[pgq::task(name = "made/other")]
async fn other() {}

const HOURLY: &str = "0 * * * *";

/// Far away from any test.
const RARELY: &str = "0 0 29 2 *";

fn ever(
    database: &TestDatabase,
    stop: &CancellationToken,
) -> tokio::task::JoinHandle<pgq::Result<()>> {
    let run = worker::<double>(database)
        .poll_interval(Duration::from_secs(60))
        .stop_on(stop.clone());
    tokio::spawn(run.into_future())
}

fn once(database: &TestDatabase) -> Run {
    worker::<double>(database)
}

async fn go_back(pool: &PgPool, time: &'static str) -> anyhow::Result<()> {
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - $1::text::interval")
        .bind(time)
        .execute(pool)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_runs_ticks_a_schedule_as_soon_as_it_is_made() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    // They do not look again for a minute.
    let workers = [(); 2].map(|()| ever(&database, &stop));
    eventually("both wait", async || {
        let parked = "select count(distinct pid) from pg_locks
                      where locktype = 'advisory' and mode = 'ShareLock'";
        let parked: i64 = sqlx::query_scalar(parked).fetch_one(pool).await?;
        Ok(parked == 2)
    })
    .await?;

    let every_second = double::job(21)
        .priority(3)
        .tag("twice")
        .schedule("second", When::every(Duration::from_secs(1)))
        .create(pool)
        .await?;
    eventually("three ticks have run", async || {
        Ok(count(pool, "finished where state = 1").await? >= 3)
    })
    .await?;

    let info = every_second.get(pool).await?;
    assert!(info.made_at_run_time && info.next.len() == 5 && info.paused_since.is_none());
    assert_eq!(info.expression, "every 1s");
    assert_eq!(info.queue.as_deref(), Some("numbers"));
    let runs = every_second.runs(pool).await?;
    let mut ticks: Vec<i64> = runs.iter().map(|job| job.created_at.timestamp()).collect();
    ticks.dedup();
    assert_eq!(ticks.len(), runs.len(), "a second has two jobs: {runs:?}");
    assert!(runs.iter().all(|job| job.priority == 3));
    every_second.delete(pool).await?;
    let gone = every_second.get(pool).await;
    assert!(matches!(gone, Err(ScheduleError::NotFound { .. })));
    stop.cancel();
    for worker in workers {
        worker.await??;
    }
    // Each second that has a job has one.
    let (jobs, seconds): (i64, i64) = sqlx::query_as(
        "select count(*), count(distinct date_trunc('second', created_at)) from pgq_jobs.job",
    )
    .fetch_one(pool)
    .await?;
    assert_eq!(jobs, seconds);
    Ok(())
}

#[tokio::test]
async fn a_pause_leaves_to_the_policy_what_was_missed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let within = Duration::from_secs(365 * 24 * 3600);
    for (name, missed) in [
        ("skip", Missed::Skip),
        ("once", Missed::Once),
        ("all", Missed::All { within }),
    ] {
        let schedule = double::job(1).schedule(name, When::cron("0 0 1 * *"));
        let schedule = schedule.missed(missed).create(pool).await?;
        assert!(schedule.pause(pool).await?);
        assert!(!schedule.pause(pool).await?);
    }
    go_back(pool, "200 days").await?;
    drain(once(&database)).await?;
    assert_eq!(count(pool, "finished").await?, 0);

    for name in ["skip", "once", "all"] {
        assert!(ScheduleHandle::named(name).resume(pool).await?);
    }
    drain(once(&database)).await?;
    drain(once(&database)).await?;

    let mut runs = Vec::new();
    for name in ["skip", "once", "all"] {
        runs.push(ScheduleHandle::named(name).runs(pool).await?.len());
    }
    // Unless the test runs at midnight of the first of a month.
    assert_eq!(runs[1], 1);
    assert!((6..=7).contains(&runs[2]), "{runs:?}");
    assert!(runs[0] <= 1, "{runs:?}");
    Ok(())
}

#[tokio::test]
async fn a_triggered_job_is_one_of_the_schedule_and_no_tick() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let schedule = double::job(4)
        .schedule("made", When::cron(RARELY))
        .overlap(Overlap::Skip)
        .create(pool)
        .await?;
    let before = schedule.get(pool).await?;

    let job = schedule.trigger::<u32>(pool).await?;
    drain(once(&database)).await?;

    assert_eq!(job.wait(pool).await?, 8);
    let after = schedule.get(pool).await?;
    assert_eq!(after.last_tick, before.last_tick);
    assert_eq!(after.recent, [job.id()]);
    let runs = schedule.runs(pool).await?;
    assert_eq!(runs[0].state, JobState::Completed);
    assert_eq!(runs[0].queue, "numbers");
    Ok(())
}

#[tokio::test]
async fn an_edit_fires_neither_twice_nor_for_the_past() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let schedule = double::job(1).schedule("made", When::cron(RARELY));
    let schedule = schedule.create(pool).await?;
    go_back(pool, "3 days").await?;

    let hourly = schedule.edit().when(When::cron_in(HOURLY, "Europe/Berlin"));
    hourly.apply(pool).await?;
    drain(once(&database)).await?;
    assert_eq!(count(pool, "finished").await?, 0);

    // An hour ago it was there.
    go_back(pool, "61 minutes").await?;
    let input = BTreeMap::from([("number", 5)]);
    let edit = schedule.edit().input(&input).jitter(Duration::ZERO);
    edit.missed(Missed::Once).apply(pool).await?;
    drain(once(&database)).await?;
    drain(once(&database)).await?;

    let runs = schedule.runs(pool).await?;
    assert_eq!(runs.len(), 1);
    let result = pgq::JobHandle::<u32>::from_id(runs[0].id)
        .wait(pool)
        .await?;
    assert_eq!(result, 10);
    assert_eq!(schedule.get(pool).await?.zone, "Europe/Berlin");
    let job = schedule.edit().job(double::job(6).priority(9));
    job.apply(pool).await?;
    assert_eq!(schedule.get(pool).await?.priority, Some(9));
    Ok(())
}

#[tokio::test]
async fn an_edit_of_the_times_lets_ticks_that_are_due_have_their_jobs() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let within = Duration::from_secs(24 * 3600);
    for (name, missed, pauses) in [
        ("once", Missed::Once, false),
        ("all", Missed::All { within }, false),
        ("paused", Missed::Once, true),
    ] {
        let schedule = double::job(4).schedule(name, When::cron(HOURLY));
        let schedule = schedule.missed(missed).create(pool).await?;
        if pauses {
            schedule.pause(pool).await?;
        }
    }
    go_back(pool, "3 hours").await?;

    let mut runs = Vec::new();
    for name in ["once", "all", "paused"] {
        let schedule = ScheduleHandle::named(name);
        schedule.edit().when(When::cron(RARELY)).apply(pool).await?;
        runs.push(schedule.get(pool).await?.recent.len());
    }

    assert_eq!(runs, [1, 3, 0]);
    drain(once(&database)).await?;
    assert_eq!(count(pool, "finished where state = 1").await?, 4);
    Ok(())
}

#[tokio::test]
async fn another_input_comes_with_its_own_fingerprint_and_key() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let known = double::job(1).schedule("known", When::cron(RARELY));
    let known = known.create(pool).await?;
    let fingerprint = "select fingerprint from pgq_jobs.schedule where name = 'known'";
    let fresh: i64 = sqlx::query_scalar(fingerprint).fetch_one(pool).await?;
    sqlx::query("update pgq_jobs.schedule set fingerprint = 5")
        .execute(pool)
        .await?;
    let unknown = ScheduleBuilder::of_task("made/unknown", &1, "unknown", When::cron(RARELY));
    let unknown = unknown.allow_unknown_task().create(pool).await?;
    sqlx::query(
        "update pgq_jobs.schedule set unique_key = '\\x01', conflict = 'skip' where name = 'unknown'",
    )
    .execute(pool)
    .await?;

    let input = BTreeMap::from([("number", 5)]);
    known.edit().input(&input).apply(pool).await?;
    let refused = unknown.edit().input(&input).apply(pool).await;

    let after: i64 = sqlx::query_scalar(fingerprint).fetch_one(pool).await?;
    assert_eq!(after, fresh);
    assert!(
        matches!(refused, Err(ScheduleError::Options { .. })),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_leaves_a_schedule_whose_task_it_does_not_know() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let schedule = double::job(1).schedule("made", When::cron(HOURLY));
    let schedule = schedule.create(pool).await?;
    go_back(pool, "1 day").await?;
    let before = schedule.get(pool).await?;

    drain(worker::<other>(&database)).await?;
    assert_eq!(schedule.get(pool).await?.last_tick, before.last_tick);
    drain(once(&database)).await?;

    assert!(schedule.get(pool).await?.last_tick > before.last_tick);
    assert_eq!(schedule.runs(pool).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_code_declares_is_paused_and_triggered_and_not_changed() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let input = || {
        let mut input = pgq::__private::InputWriter::new(1);
        input.parameter("number", &7)?;
        Ok(input.finish())
    };
    let declared = ScheduleDescriptor::of::<double>(Timing::cron(HOURLY), input, Source::caller());
    let run = || once(&database).register(Registration::Schedule(declared));
    drain(run()).await?;
    let schedule = ScheduleHandle::named(double::NAME);

    assert!(schedule.pause(pool).await?);
    go_back(pool, "1 day").await?;
    drain(run()).await?;
    assert_eq!(count(pool, "finished").await?, 0);
    let job = schedule.trigger::<u32>(pool).await?;
    drain(run()).await?;
    assert_eq!(job.wait(pool).await?, 14);

    let edited = schedule.edit().missed(Missed::Skip).apply(pool).await;
    let text = edited.unwrap_err().to_string();
    assert!(
        text.contains("code declares it") && text.contains("made/double"),
        "{text}"
    );
    // While a worker lives whose code it is.
    sqlx::query(
        "insert into pgq_jobs.worker (id, lease_until, pid, host, queues, schedules)
         values (1, now() + interval '1 hour', 1, 'here', '{}', '{made/double}')",
    )
    .execute(pool)
    .await?;
    let deleted = schedule.delete(pool).await;
    assert!(matches!(deleted, Err(ScheduleError::Declared { .. })));
    let info = schedule.get(pool).await?;
    assert!(!info.made_at_run_time && info.paused_since.is_some());

    assert!(schedule.resume(pool).await?);
    drain(run()).await?;
    assert_eq!(schedule.runs(pool).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_said_when_it_is_made() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let made = |name: &str, when: When| double::job(1).schedule(name, when);
    let good = || When::cron(HOURLY);
    made("taken", good()).create(pool).await?;
    let start = chrono::Utc::now();
    let long = "x".repeat(101);

    let cases = [
        (made("taken", good()), "there is a schedule named `taken`"),
        (made(&long, good()), "must have at most 100 bytes"),
        (made("two words", good()), "must consist of"),
        (made("a", When::cron("0 25 * * *")), "out of range"),
        (made("a", When::cron("0 0 30 2 *")), "never"),
        (
            made("a", When::cron_in(HOURLY, "Europe/Berln")),
            "not a time zone",
        ),
        (made("a", good().ends_at(start)), "its end has passed"),
        (made("a", When::every(Duration::ZERO)), "at least a second"),
        (
            made("a", good().starts_at(start).ends_at(start)),
            "later than the start",
        ),
        (
            made("a", good()).jitter(Duration::from_secs(90_000)),
            "at most a day",
        ),
        (
            made("a", good())
                .overlap(Overlap::QueueOne)
                .missed(Missed::Skip),
            "keeps one tick",
        ),
        (made("a", good()).priority(10), "priority"),
        (
            double::job(1)
                .delay(Duration::from_secs(1))
                .schedule("a", good()),
            "leave out its delay",
        ),
        (
            ScheduleBuilder::of_task(double::NAME, &BTreeMap::from([("nummer", 1)]), "a", good()),
            "cannot read the input",
        ),
        (
            ScheduleBuilder::of_task("made/unknown", &(), "a", good()),
            "no worker that lives knows the task `made/unknown`",
        ),
    ];
    for (schedule, expected) in cases {
        let error = Error::from(schedule.create(pool).await.unwrap_err());
        let report = format!("{error:?}");
        assert!(report.contains(expected), "no {expected:?} in: {report}");
    }
    assert_eq!(count(pool, "schedule").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_schedule_may_be_made_by_the_name_of_its_task() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let input = BTreeMap::from([("number", 3)]);
    let known = ScheduleBuilder::of_task(double::NAME, &input, "known", When::cron(HOURLY));
    let known = known.create(pool).await?;
    let unknown = ScheduleBuilder::of_task("made/unknown", &input, "unknown", When::cron(HOURLY));
    let unknown = unknown
        .queue("other")
        .allow_unknown_task()
        .create(pool)
        .await?;
    go_back(pool, "1 day").await?;

    drain(once(&database)).await?;

    let runs = known.runs(pool).await?;
    let result = pgq::JobHandle::<u32>::from_id(runs[0].id)
        .wait(pool)
        .await?;
    assert_eq!((runs.len(), result), (1, 6));
    assert_eq!(unknown.runs(pool).await?.len(), 0);
    let page = Schedules::all().limit(1).list(pool).await?;
    assert_eq!(page.schedules[0].name, "known");
    let rest = Schedules::all().after(page.next.unwrap_or_default());
    let rest = rest.list(pool).await?;
    assert_eq!(rest.schedules[0].queue.as_deref(), Some("other"));
    assert!(rest.schedules.len() == 1 && rest.next.is_none());
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_unique_is_not_triggered_beside_one_that_is_the_same() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let schedule = double::job(1)
        .unique("one")
        .schedule("made", When::cron(HOURLY))
        .create(pool)
        .await?;

    let first = schedule.trigger::<u32>(pool).await?;
    let second = schedule.trigger::<u32>(pool).await;
    assert!(matches!(second, Err(ScheduleError::Conflict { .. })));
    go_back(pool, "1 day").await?;
    drain(once(&database)).await?;

    // The tick had none, either.
    assert_eq!(schedule.get(pool).await?.recent, [first.id()]);
    let third = schedule.trigger::<u32>(pool).await?;
    assert_ne!(third.id(), first.id());
    Ok(())
}
