//! A year of schedules, in processes that are killed, stalled and cut off while their clocks jump.

use std::time::{Duration, Instant};

use anyhow::ensure;
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::process::{Signal, Worker};
use sqlx::PgPool;

use super::{LONG, count, seeded, unfinished};

/// How many schedules `fleet_year` has.
const SCHEDULES: usize = 8;

/// After so many strikes it is enough.
const STRIKES_MAX: usize = 40;

/// Keeps every move of a last tick with its job, and what has happened so far. No key is on it: that
/// would itself refuse a tick that comes twice, and its job with it.
///
/// `expected` has the ticks of the year as the server knows the zones, which is not how pgq does.
const KEEP_TICKS: &str = "
    create table tick (name text not null, at timestamptz not null, job bigint);
    create table year (starts_at timestamptz not null, ends_at timestamptz not null);
    create function keep_tick() returns trigger language plpgsql as $$
    begin
        if new.last_job is distinct from old.last_job then
            insert into tick values (new.name, new.last_tick, new.last_job);
            -- So that there is time for something to happen.
            perform pg_sleep(0.002);
        end if;
        return null;
    end $$;
    create trigger keep_tick after update on pgq_jobs.schedule
        for each row execute function keep_tick();
    create view expected as
        select schedule.name,
               (day::date + make_time(split_part(schedule.expression, ' ', 2)::int,
                                split_part(schedule.expression, ' ', 1)::int, 0))
                   at time zone schedule.time_zone as at
        from pgq_jobs.schedule as schedule
        cross join year
        cross join generate_series(
            year.starts_at::timestamp - interval '1 day',
            year.ends_at::timestamp + interval '1 day',
            interval '1 day'
        ) as day;
";

/// Lets a year pass: the last ticks of all schedules are as long ago.
const PASS: &str = "
    with passed as (
        update pgq_jobs.schedule set last_tick = now() - interval '364 days'
    )
    insert into year values (now() - interval '364 days', now());
";

/// The ticks of the year that have had no job yet.
const LEFT: &str = "
    select count(*)
    from expected
    join year on expected.at > year.starts_at and expected.at <= year.ends_at
    where not exists (select from tick where tick.name = expected.name and tick.at = expected.at)
";

/// Does something to one of the processes, and returns what.
async fn strike(
    fleet: &Fleet,
    pool: &PgPool,
    workers: &mut [Worker],
    rng: &mut fastrand::Rng,
) -> anyhow::Result<&'static str> {
    let struck = rng.usize(..workers.len());
    Ok(match rng.u8(..4) {
        0 => {
            workers[struck].kill()?;
            workers[struck] = fleet.worker().start()?;
            // A process that cannot connect at its start says so, and ends.
            workers[struck].registered(pool).await?;
            "killed"
        }
        1 => {
            workers[struck].signal(Signal::Stop)?;
            tokio::time::sleep(Duration::from_millis(rng.u64(10..200))).await;
            workers[struck].signal(Signal::Continue)?;
            "stalled"
        }
        _ => {
            let cut = "select pg_terminate_backend(pid) from pg_stat_activity
                       where datname = current_database() and pid <> pg_backend_pid()
                         and application_name like 'pgq%' and random() < 0.5";
            sqlx::query(cut).execute(pool).await?;
            "cut off"
        }
    })
}

#[tokio::test]
async fn each_tick_of_a_year_has_one_job_whatever_happens_to_the_processes() -> anyhow::Result<()> {
    let mut rng = seeded()?;
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let fleet = Fleet::new(env!("CARGO_BIN_EXE_fleet_year"), database.url())?;
    let first = fleet.worker().start()?;
    eventually("the schedules are declared", async || {
        Ok(count(pool, "select count(*) from pgq_jobs.schedule").await? == SCHEDULES)
    })
    .await?;
    drop(first);
    sqlx::raw_sql(KEEP_TICKS).execute(pool).await?;
    sqlx::raw_sql(PASS).execute(pool).await?;
    let all = count(pool, LEFT).await?;
    ensure!(all >= SCHEDULES * 363, "{all} ticks are no year");

    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(fleet.worker().start()?);
    }
    for worker in &workers {
        worker.registered(pool).await?;
    }
    let mut struck = Vec::new();
    let deadline = Instant::now() + LONG;
    let mut before = all;
    loop {
        let left = count(pool, LEFT).await?;
        if left == 0 {
            break;
        }
        ensure!(
            Instant::now() < deadline,
            "{left} ticks have no job: {struck:?}"
        );
        // Not before the last strike has done its harm.
        if left < before && struck.len() < STRIKES_MAX {
            struck.push((left, strike(&fleet, pool, &mut workers, &mut rng).await?));
        }
        before = left;
        tokio::time::sleep(Duration::from_millis(rng.u64(1..50))).await;
    }
    ensure!(struck.len() >= 3, "too little has happened: {struck:?}");
    eventually("all jobs have run", async || {
        Ok(unfinished(pool).await? == 0)
    })
    .await?;
    for worker in &mut workers {
        worker.signal(Signal::Terminate)?;
        ensure!(worker.end().await?.success(), "a worker failed");
    }

    // One more of each may have come since the year was over.
    let (ticks, distinct, jobs): (i64, i64, i64) = sqlx::query_as(
        "select count(*), count(distinct (name, at)), count(distinct job) from tick",
    )
    .fetch_one(pool)
    .await?;
    assert_eq!((ticks, jobs), (distinct, distinct), "{struck:?}");
    let unexpected = "select count(*) from tick where not exists (
        select from expected where expected.name = tick.name and expected.at = tick.at)";
    assert_eq!(count(pool, unexpected).await?, 0);
    let finished = "select count(*) from pgq_jobs.finished where state = 1";
    assert_eq!(count(pool, finished).await?, usize::try_from(ticks)?);
    Ok(())
}
