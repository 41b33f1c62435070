//! Many schedules, and ticks beside those who change them.

use std::collections::BTreeSet;
use std::time::Duration;

use pgq::driver::{
    Claim, Claimed, Driver as _, DriverErrorKind, Enqueue, NewJob, ScheduleDriver as _, Tick,
    WorkerId, WorkerInfo,
};
use pgq::postgres::PostgresDriver;
use pgq::{CancellationToken, Overlap, Run, ScheduleHandle, Start, When};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::{Connection as _, PgPool};

use super::{count, worker};

#[pgq::task(name = "ticks/note")]
async fn note(number: u32) {
    let _ = number;
}

/// Keeps every move of a last tick. No key is on it: that would itself refuse a tick that comes twice.
const KEEP_TICKS: &str = "
    create table tick (name text not null, at timestamptz not null, job bigint);
    create function keep_tick() returns trigger language plpgsql as $$
    begin
        insert into tick values (new.name, new.last_tick, new.last_job);
        return null;
    end $$;
    create trigger keep_tick after update of last_tick on pgq_jobs.schedule
        for each row when (new.last_tick <> old.last_tick and new.last_job is distinct from old.last_job)
        execute function keep_tick();
";

/// Makes schedules `1` to `number` as the one that is there.
async fn multiply(pool: &PgPool, number: i32) -> anyhow::Result<()> {
    sqlx::query(
        "insert into pgq_jobs.schedule
             (name, made, task, expression, time_zone, digest, last_tick, revision, max_attempts, input)
         select copy, true, task, expression, time_zone, copy + 1000000, last_tick, copy + 1000000,
                max_attempts, input
         from pgq_jobs.schedule
         cross join generate_series(1, $1) as copy",
    )
    .bind(number)
    .execute(pool)
    .await?;
    Ok(())
}

fn run(database: &TestDatabase) -> Run {
    worker::<note>(database)
}

#[tokio::test]
async fn ten_thousand_schedules_that_are_due_at_once_have_a_job_each() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let hourly = note::job(1).schedule("0", When::cron("0 * * * *"));
    hourly.create(pool).await?;
    multiply(pool, 10_000).await?;
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '1 hour'")
        .execute(pool)
        .await?;

    let stop = CancellationToken::new();
    let workers = [(); 2].map(|()| {
        let run = run(&database).concurrency(1).stop_on(stop.clone());
        tokio::spawn(run.into_future())
    });
    eventually("each has ticked", async || {
        let ticked = "schedule where cardinality(recent) > 0";
        Ok(count(pool, ticked).await? == 10_001)
    })
    .await?;
    stop.cancel();
    for worker in workers {
        worker.await??;
    }

    assert_eq!(count(pool, "job").await?, 10_001);
    assert_eq!(
        count(pool, "schedule where cardinality(recent) = 1").await?,
        10_001
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_finds_schedules_that_nobody_tells_it_of() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let rare = note::job(1).schedule("0", When::cron("0 0 29 2 *"));
    rare.create(pool).await?;
    let stop = CancellationToken::new();
    let run = run(&database).poll_interval(Duration::from_millis(50));
    let worker = tokio::spawn(run.stop_on(stop.clone()).into_future());
    eventually("the worker is there", async || {
        Ok(count(pool, "worker").await? == 1)
    })
    .await?;

    multiply(pool, 3).await?;
    sqlx::query(
        "update pgq_jobs.schedule
         set expression = '* * * * * *', digest = 2000000 + digest, revision = 2000000 + revision
         where name = '2'",
    )
    .execute(pool)
    .await?;

    // Not a minute later, when it would look for itself.
    eventually("the one ticks that does so each second", async || {
        Ok(count(pool, "finished").await? >= 2)
    })
    .await?;
    assert_eq!(
        count(pool, "schedule where cardinality(recent) > 0").await?,
        1
    );
    stop.cancel();
    Ok(worker.await??)
}

#[tokio::test]
async fn ticks_beside_changes_have_one_job_each() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    sqlx::raw_sql(KEEP_TICKS).execute(pool).await?;
    for number in 0..20 {
        let schedule = note::job(number).schedule(format!("{number}"), When::cron("* * * * * *"));
        schedule.create(pool).await?;
    }
    let stop = CancellationToken::new();
    let workers = [(); 3].map(|()| {
        let run = run(&database).stop_on(stop.clone());
        tokio::spawn(run.into_future())
    });

    eventually("there were many ticks", async || {
        let number = fastrand::u32(0..20);
        let schedule = ScheduleHandle::named(number.to_string());
        match fastrand::u8(0..4) {
            0 => {
                let times = ["* * * * * *", "*/2 * * * * *"][fastrand::usize(0..2)];
                let edit = schedule.edit().when(When::cron(times));
                edit.job(note::job(number + 100)).apply(pool).await?;
            }
            1 => {
                schedule.pause(pool).await?;
                schedule.resume(pool).await?;
            }
            2 => {
                schedule.delete(pool).await?;
                let again =
                    note::job(number).schedule(number.to_string(), When::cron("* * * * * *"));
                again.create(pool).await?;
            }
            _ => drop(schedule.trigger::<()>(pool).await?),
        }
        let ticks = "select count(*) from tick";
        let ticks: i64 = sqlx::query_scalar(ticks).fetch_one(pool).await?;
        Ok(ticks >= 100)
    })
    .await?;
    stop.cancel();
    for worker in workers {
        worker.await??;
    }

    let ticks: Vec<(String, chrono::DateTime<chrono::Utc>, i64)> =
        sqlx::query_as("select name, at, job from tick")
            .fetch_all(pool)
            .await?;
    let instants: BTreeSet<_> = ticks.iter().map(|(name, at, _)| (name, at)).collect();
    assert_eq!(instants.len(), ticks.len(), "an instant has two jobs");
    let jobs: BTreeSet<i64> = ticks.iter().map(|(.., job)| *job).collect();
    assert_eq!(jobs.len(), ticks.len());
    let stored: Vec<i64> = sqlx::query_scalar("select id from pgq_jobs.job")
        .fetch_all(pool)
        .await?;
    let stored: BTreeSet<i64> = stored.into_iter().collect();
    assert!(jobs.is_subset(&stored), "a tick has no job");
    Ok(())
}

/// A job that has the input of its schedule.
fn one() -> Enqueue {
    Enqueue {
        task: "ticks/note".into(),
        queue: "default".into(),
        priority: 0,
        max_attempts: 1,
        fingerprint: None,
        start: Start::Now,
        durability: pgq::Durability::Durable,
        jobs: vec![NewJob::new(Vec::new())],
    }
}

#[tokio::test]
async fn a_tick_waits_for_who_completes_the_job_before_it() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let driver = PostgresDriver::new(pool.clone());
    let minutes = note::job(1)
        .schedule("minutes", When::cron("* * * * *"))
        .overlap(Overlap::CancelRunning)
        .create(pool)
        .await?;
    let worker = WorkerInfo {
        id: WorkerId::random(),
        lease: Duration::from_secs(3600),
        host: "here".to_owned(),
        pid: 1,
        queues: Vec::new(),
        concurrency: 1,
        build: pgq::driver::Build::default(),
    };
    driver.register_worker(worker.clone()).await?;
    let tick = async || -> anyhow::Result<bool> {
        let names = [minutes.name().to_owned()];
        let mut state = driver.schedules(&names).await?;
        let stored = state.schedules.remove(0);
        let tick = Tick {
            schedule: stored.schedule.name.clone(),
            digest: stored.digest,
            previous: stored.last_tick,
            at: stored.last_tick + chrono::TimeDelta::minutes(1),
            overlap: Overlap::CancelRunning,
            enqueue: one(),
            is_stored: true,
        };
        match driver.tick(vec![tick]).await {
            Ok(ticked) => Ok(ticked[0].job().is_some()),
            Err(error) if error.kind() == DriverErrorKind::Conflict => Ok(false),
            Err(error) => Err(error.into()),
        }
    };
    assert!(tick().await?);
    let claim = Claim {
        worker: worker.id,
        number: 1,
        queue: "default".into(),
        tasks: vec![["ticks/note".to_owned()].into()],
        fingerprints: None,
        limit: 1,
        horizon: None,
        priority_max: None,
    };
    let claimed = driver.claim(claim).await?;
    assert!(matches!(claimed, Claimed::Jobs(jobs) if jobs.len() == 1));

    let mut connection = pool.acquire().await?;
    let mut completing = connection.begin().await?;
    sqlx::query("select from pgq_jobs.running for update")
        .execute(&mut *completing)
        .await?;
    assert!(!tick().await?);
    assert_eq!(count(pool, "cancel_request").await?, 0);
    assert_eq!(minutes.get(pool).await?.recent.len(), 1);
    completing.rollback().await?;

    assert!(tick().await?);
    assert_eq!(count(pool, "cancel_request").await?, 1);
    assert_eq!(minutes.get(pool).await?.recent.len(), 2);
    Ok(())
}
