//! Schedules: each tick is one job.

use std::sync::Arc;
use std::time::Duration;

use chrono::Timelike;
use pgq::driver::{Driver as _, ScheduleDriver as _};
use pgq::{
    Missed, Overlap, Problem, Registration, Registry, Run, ScheduleDescriptor, Source, Task, Timing,
};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{count, worker};

#[pgq::cron("* * * * * *", priority = 3)]
pub(super) async fn each_second(context: &pgq::Context) -> anyhow::Result<i64> {
    Ok(context.job_id().as_i64())
}

#[pgq::cron("0 0 29 2 *", tz = "Europe/Berlin", args(days = DAYS, name = "a".to_owned()))]
async fn with_input(
    name: String,
    limit: Option<u32>,
    days: u8,
    #[default = 3] tries: u8,
) -> anyhow::Result<()> {
    anyhow::ensure!((name.as_str(), limit, days, tries) == ("a", None, DAYS, 3));
    Ok(())
}

const DAYS: u8 = 7;

type Gate = Arc<Semaphore>;

/// Ends when somebody lets it pass.
#[pgq::task]
async fn wait_at_gate(gate: &Gate) -> anyhow::Result<()> {
    gate.acquire().await?.forget();
    Ok(())
}

/// What the macro submits for the linked schedules, for a worker of this one only.
fn descriptor(timing: Timing) -> ScheduleDescriptor {
    let input = || Ok(pgq::__private::InputWriter::new(0).finish());
    ScheduleDescriptor::of::<each_second>(timing, input, Source::caller())
}

pub(super) fn schedule(expression: &'static str) -> Registration {
    Registration::Schedule(descriptor(Timing::cron(expression)))
}

/// What the macro submitted for a task.
fn linked(name: &str) -> anyhow::Result<ScheduleDescriptor> {
    let registry = Registry::linked();
    let mut schedules = registry.schedules();
    let found = schedules.find(|schedule| schedule.task() == name);
    found
        .copied()
        .ok_or_else(|| anyhow::anyhow!("no schedule `{name}`"))
}

/// Runs once to declare the schedules, and once when their last ticks are that long ago.
async fn run_after(
    run: impl Fn() -> Run,
    database: &TestDatabase,
    downtime: &'static str,
) -> anyhow::Result<()> {
    run().once().deadline(super::DEADLINE).await?;
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - $1::text::interval")
        .bind(downtime)
        .execute(database.pool())
        .await?;
    run().once().deadline(super::DEADLINE).await?;
    Ok(())
}

#[tokio::test]
async fn each_tick_is_one_job_of_its_task_however_many_workers_there_are() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let run = worker::<each_second>(&database)
                .register(schedule("* * * * * *"))
                .stop_on(stop.clone());
            tokio::spawn(run.into_future())
        })
        .collect();

    eventually("three ticks have run", || async {
        Ok(count(pool, "finished").await? >= 3)
    })
    .await?;
    stop.cancel();
    for worker in workers {
        worker.await??;
    }

    let (jobs, ticks, state): (i64, i64, i64) = sqlx::query_as(
        "select count(*), count(distinct date_trunc('second', created_at)), min(state)::bigint
         from pgq_jobs.finished where task = 'each_second' and priority = 3",
    )
    .fetch_one(pool)
    .await?;
    assert_eq!((jobs, state), (ticks, 1));
    assert_eq!(count(pool, "schedule").await?, 1);
    Ok(())
}

#[tokio::test]
async fn ticks_that_were_missed_count_as_one() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let run = || worker::<each_second>(&database).register(schedule("0 * * * *"));
    run().once().deadline(super::DEADLINE).await?;
    assert_eq!(count(pool, "finished").await?, 0);

    // Nobody ran for three days.
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '3 days'")
        .execute(pool)
        .await?;
    run().once().deadline(super::DEADLINE).await?;
    run().once().deadline(super::DEADLINE).await?;

    assert_eq!(count(pool, "finished").await?, 1);
    let late: bool = sqlx::query_scalar(
        "select last_tick = date_trunc('hour', last_tick) and now() - last_tick < interval '61 min'
         from pgq_jobs.schedule",
    )
    .fetch_one(pool)
    .await?;
    assert!(late);
    Ok(())
}

#[tokio::test]
async fn a_schedule_whose_expression_changed_does_not_fire_for_the_past() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let run = |expression| worker::<each_second>(&database).register(schedule(expression));

    run("0 0 29 2 *").once().deadline(super::DEADLINE).await?;
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '3 days'")
        .execute(pool)
        .await?;
    let stop = CancellationToken::new();
    let running = run("0 * * * *").stop_on(stop.clone());
    let running = tokio::spawn(running.into_future());
    eventually("it is declared anew", async || {
        let stored: String = sqlx::query_scalar("select expression from pgq_jobs.schedule")
            .fetch_one(pool)
            .await?;
        Ok(stored == "0 * * * *")
    })
    .await?;
    stop.cancel();
    running.await??;
    run("0 * * * *").once().deadline(super::DEADLINE).await?;

    assert_eq!(count(pool, "finished").await?, 0);
    assert_eq!(each_second::NAME, "each_second");
    Ok(())
}

#[tokio::test]
async fn each_missed_tick_within_the_time_has_its_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let within = Duration::from_secs(30 * 24 * 3600);
    let daily = Timing::Every(Duration::from_secs(24 * 3600));
    let run = || {
        let schedule = descriptor(daily).missed(Missed::All { within });
        worker::<each_second>(&database).register(Registration::Schedule(schedule))
    };

    run_after(run, &database, "100 days").await?;
    run().once().deadline(super::DEADLINE).await?;

    assert_eq!(count(database.pool(), "finished").await?, 30);
    Ok(())
}

#[tokio::test]
async fn a_missed_tick_is_skipped_if_it_is_to_be() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let run = || {
        let schedule = descriptor(Timing::cron("0 0 29 2 *")).missed(Missed::Skip);
        worker::<each_second>(&database).register(Registration::Schedule(schedule))
    };

    run_after(run, &database, "9 years").await?;

    assert_eq!(count(database.pool(), "finished").await?, 0);
    Ok(())
}

#[tokio::test]
async fn only_ticks_between_the_start_and_the_end_have_a_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let within = Duration::from_secs(365 * 24 * 3600);
    let now = chrono::Utc::now();
    // Half a day from each of these times, however long the test takes.
    let daily: &str = format!("0 {} * * *", (now.hour() + 12) % 24).leak();
    let time = |days| -> &str {
        let time = now + chrono::TimeDelta::days(days);
        time.format("%Y-%m-%dT%H:%M").to_string().leak()
    };
    let run = || {
        let daily = descriptor(Timing::cron(daily)).missed(Missed::All { within });
        let past = daily.name("past").ends_at(time(-10));
        let future = daily.name("future").starts_at(time(10));
        let both = daily.name("both").starts_at(time(-20)).ends_at(time(-15));
        let schedules = [past, future, both].map(Registration::Schedule);
        schedules
            .into_iter()
            .fold(worker::<each_second>(&database), Run::register)
    };

    run_after(run, &database, "30 days").await?;
    run().once().deadline(super::DEADLINE).await?;

    // Of 20 days, of none, and of five.
    assert_eq!(count(pool, "finished").await?, 25);
    let (starts, ends): (i64, i64) =
        sqlx::query_as("select count(starts_at), count(ends_at) from pgq_jobs.schedule")
            .fetch_one(pool)
            .await?;
    assert_eq!((starts, ends), (2, 2));
    Ok(())
}

#[tokio::test]
async fn jitter_delays_the_job_and_not_the_schedule() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let run = || {
        let schedule = descriptor(Timing::Every(Duration::from_secs(1)));
        let day = Duration::from_secs(86_400);
        worker::<each_second>(&database).register(Registration::Schedule(schedule.jitter(day)))
    };

    run_after(run, &database, "1 hour").await?;

    let (later, ticked): (bool, bool) = sqlx::query_as(
        "select bool_and(run_at between last_tick and last_tick + interval '1 day'),
                bool_and(last_tick > now() - interval '10 minutes')
         from pgq_jobs.scheduled cross join pgq_jobs.schedule",
    )
    .fetch_one(pool)
    .await?;
    assert!(later && ticked);
    assert_eq!(count(pool, "finished").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_tick_that_waits_has_its_job_once_the_job_before_it_is_finished() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let gate = Gate::new(Semaphore::new(0));
    let timing = Timing::Every(Duration::from_secs(1));
    let input = || Ok(pgq::__private::InputWriter::new(0).finish());
    let schedule = ScheduleDescriptor::of::<wait_at_gate>(timing, input, Source::caller());
    let stop = CancellationToken::new();
    let run = worker::<wait_at_gate>(&database)
        .state(Arc::clone(&gate))
        .register(Registration::Schedule(schedule.overlap(Overlap::QueueOne)))
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    eventually(
        "ticks have come while a job of the schedule runs",
        async || {
            let ticks = "select coalesce(max(last_tick) < now() - interval '3 seconds', false)
                     from pgq_jobs.schedule where last_job is not null";
            Ok(sqlx::query_scalar(ticks).fetch_one(pool).await?)
        },
    )
    .await?;
    let unfinished =
        async || anyhow::Ok(count(pool, "ready").await? + count(pool, "running").await?);
    assert_eq!(unfinished().await?, 1);

    gate.add_permits(1);
    eventually("another job runs after the first", async || {
        Ok(count(pool, "finished").await? == 1 && unfinished().await? == 1)
    })
    .await?;

    gate.add_permits(1000);
    stop.cancel();
    running.await??;
    let beside: i64 = sqlx::query_scalar(
        "select count(*) from pgq_jobs.finished as one join pgq_jobs.finished as other
           on one.created_at > other.created_at and one.created_at < other.finished_at",
    )
    .fetch_one(pool)
    .await?;
    assert_eq!(beside, 0);
    Ok(())
}

#[tokio::test]
async fn a_schedule_gives_its_task_the_input_that_it_is_declared_with() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let schedule = Registration::Schedule(linked("with_input")?);
    let run = || worker::<with_input>(&database).register(schedule);

    run_after(run, &database, "9 years").await?;

    let (state, zone): (i16, String) = sqlx::query_as(
        "select state, time_zone from pgq_jobs.finished cross join pgq_jobs.schedule",
    )
    .fetch_one(database.pool())
    .await?;
    assert_eq!((state, zone.as_str()), (1, "Europe/Berlin"));
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_said_before_the_start() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let hour = Duration::from_secs(3600);
    let good = Timing::Every(hour);
    let schedules = [
        descriptor(Timing::cron_in("0 3 * * *", "Europe/Berln")).name("zone"),
        descriptor(Timing::Every(Duration::ZERO)).name("interval"),
        descriptor(Timing::cron("0 0 30 2 *")).name("date"),
        descriptor(good)
            .name("policy")
            .overlap(Overlap::QueueOne)
            .missed(Missed::Skip),
        descriptor(good).name("jitter").jitter(hour * 25),
        descriptor(good).name("two words"),
        descriptor(good)
            .name("dates")
            .starts_at("2026-02-01")
            .ends_at("2026-01-01"),
        descriptor(good).name("start").starts_at("2026-02-30"),
        linked("with_input")?.name("task"),
        descriptor(good).name("twice"),
        descriptor(good).name("twice"),
    ];
    let mut run = worker::<each_second>(&database);
    for schedule in schedules {
        run = run.register(Registration::Schedule(schedule));
    }

    let error = match run.once().await {
        Err(pgq::Error::Problems(problems)) => problems,
        other => anyhow::bail!("expected problems, got {other:?}"),
    };

    let text = error.to_string();
    for part in [
        "schedule `zone` at tests/it/run/schedules.rs",
        "`Europe/Berln` is not a time zone",
        "its interval must be at least a second",
        "never matches a date",
        "keeps one tick",
        "its jitter must be at most a day",
        "its name must consist of",
        "its end must be later than the start",
        "its start must be a date",
        "its task `with_input` is not registered",
        "two schedules are named `twice`",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(error.as_slice().iter().all(|problem| matches!(
        problem,
        Problem::InvalidSchedule { .. } | Problem::DuplicateSchedule { .. }
    )));
    Ok(())
}

#[tokio::test]
async fn an_input_that_the_task_cannot_read_is_said_before_the_start() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let schedule = ScheduleDescriptor::of::<with_input>(
        Timing::cron("@daily"),
        || Ok(pgq::__private::InputWriter::new(0).finish()),
        Source::caller(),
    );

    let run = worker::<with_input>(&database).register(Registration::Schedule(schedule));
    let error = run.once().await.err().map(|error| error.to_string());

    let text = error.unwrap_or_default();
    assert!(text.contains("its task cannot read its input"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_schedule_that_cannot_tick_does_not_hold_up_another() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql
             as $$ begin raise 'not this one'; end $$;
         create trigger refuse before update on pgq_jobs.schedule
             for each row when (new.name = 'a_broken_one') execute function refuse()",
    )
    .execute(pool)
    .await?;
    let stop = CancellationToken::new();
    let broken = descriptor(Timing::cron("* * * * * *")).name("a_broken_one");
    let run = worker::<each_second>(&database)
        .register(Registration::Schedule(broken))
        .register(schedule("* * * * * *"))
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());

    eventually("the other schedule ticks", async || {
        Ok(count(pool, "finished").await? > 0)
    })
    .await?;

    stop.cancel();
    Ok(running.await??)
}

/// The schedule as a build declares it that ticks once a year.
fn of_another_build() -> pgq::driver::Schedule {
    pgq::driver::Schedule {
        name: "each_second".to_owned(),
        task: "each_second".to_owned(),
        expression: "0 0 1 1 *".to_owned(),
        zone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
        policy: pgq::driver::Policy::default(),
        template: pgq::driver::Template::default(),
    }
}

#[tokio::test]
async fn a_schedule_ticks_again_when_the_build_is_gone_that_declared_it_last() -> anyhow::Result<()>
{
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let run = worker::<each_second>(&database)
        .register(schedule("* * * * * *"))
        .lease(Duration::from_secs(1))
        .stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());
    let ticked = async |what: &str, least: i64| {
        eventually(what, async || Ok(count(pool, "finished").await? >= least)).await
    };
    ticked("it has ticked", 1).await?;

    // A worker of an old build starts last, and is there for a while.
    let driver = pgq::postgres::PostgresDriver::new(pool.clone());
    let other = pgq::driver::WorkerInfo {
        id: pgq::driver::WorkerId::random(),
        lease: Duration::from_secs(3600),
        host: "old".to_owned(),
        pid: 1,
        queues: Vec::new(),
        concurrency: 1,
        build: pgq::driver::Build {
            declarations: vec![of_another_build().digest()],
            ..pgq::driver::Build::default()
        },
    };
    driver.register_worker(other.clone()).await?;
    driver.declare_schedules(&[of_another_build()]).await?;
    let before = count(pool, "finished").await?
        + count(pool, "running").await?
        + count(pool, "ready").await?;
    // Longer than it would wait if that worker were gone.
    let worker = pgq::driver::WorkerId::random();
    anyhow::ensure!(
        driver
            .register_worker(pgq::driver::WorkerInfo {
                id: worker,
                lease: Duration::from_secs(3),
                ..other.clone()
            })
            .await?
    );
    eventually("three leases have passed", async || {
        let workers = driver.workers().await?;
        Ok(!workers.iter().any(|known| known.id == worker))
    })
    .await?;
    assert_eq!(count(pool, "finished").await?, before);

    driver.deregister_worker(other.id).await?;
    ticked("it ticks again", before + 2).await?;
    stop.cancel();
    run.await??;
    Ok(())
}
