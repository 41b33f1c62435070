//! Several processes with one schedule.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use pgq::Pgq;
use pgq::embedded::{Cluster, Shutdown};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::process::Signal;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::{count, seeded, unfinished};

/// How many ticks are looked at.
const TICKS: usize = 5;

/// How often the server goes away.
const RESTARTS: usize = 4;

/// Keeps every move of the last tick. No key is on it: that would itself refuse a tick that comes
/// twice, and its job with it.
const KEEP_TICKS: &str = "
    create table tick (at timestamptz not null, previous timestamptz not null);
    create function keep_tick() returns trigger language plpgsql as $$
    begin
        insert into tick values (new.last_tick, old.last_tick);
        return null;
    end $$;
    create trigger keep_tick after update of last_tick on pgq_jobs.schedule
        for each row execute function keep_tick();
";

#[tokio::test]
async fn each_tick_has_one_job_whatever_the_number_of_processes() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    sqlx::raw_sql(KEEP_TICKS).execute(pool).await?;
    let fleet = Fleet::new(env!("CARGO_BIN_EXE_fleet_scheduler"), database.url())?;
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(fleet.worker().lease(Duration::from_secs(4)).start()?);
    }

    eventually("there were some ticks", async || {
        Ok(count(pool, "select count(*) from tick").await? >= TICKS)
    })
    .await?;
    for worker in &mut workers {
        worker.signal(Signal::Terminate)?;
        ensure!(worker.end().await?.success(), "a worker failed");
    }

    assert_each_tick_has_one_job(pool).await
}

#[tokio::test]
async fn each_tick_has_one_job_though_the_server_restarts_at_it() -> anyhow::Result<()> {
    let mut random = seeded()?;
    let mut cluster =
        tokio::task::spawn_blocking(|| Cluster::builder().durable().start()).await??;
    let url = cluster.url("postgres");
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy(&url)?;
    Pgq::from_pool(pool.clone()).migrate().await?;
    sqlx::raw_sql(KEEP_TICKS).execute(&pool).await?;
    let fleet = Fleet::new(env!("CARGO_BIN_EXE_fleet_scheduler"), url)?;
    let mut workers = Vec::new();
    for _ in 0..2 {
        workers.push(fleet.worker().lease(Duration::from_secs(2)).start()?);
    }

    for restart in 1..=RESTARTS {
        eventually("there were some ticks", async || {
            // A connection that the server has cut fails once.
            let ticks = count(&pool, "select count(*) from tick").await;
            Ok(ticks.is_ok_and(|ticks| ticks >= TICKS * restart))
        })
        .await?;
        let to_tick = "select (date_part('epoch', date_trunc('second', clock_timestamp()) - clock_timestamp())
                               + 1)::float8";
        let to_tick: f64 = sqlx::query_scalar(to_tick).fetch_one(&pool).await?;
        // From a little before the tick to a little after it.
        let near = to_tick + random.f64() * 0.1 - 0.05;
        tokio::time::sleep(Duration::from_secs_f64(near.max(0.0))).await;
        let how = [Shutdown::Immediate, Shutdown::Kill, Shutdown::Fast];
        let how = how[random.usize(..how.len())];
        cluster = tokio::task::spawn_blocking(move || {
            cluster.restart(how).map(|()| cluster).context("no restart")
        })
        .await??;
    }
    eventually("there were more ticks", async || {
        let ticks = count(&pool, "select count(*) from tick").await;
        Ok(ticks.is_ok_and(|ticks| ticks >= TICKS * (RESTARTS + 1)))
    })
    .await?;
    for worker in &mut workers {
        worker.signal(Signal::Terminate)?;
        ensure!(worker.end().await?.success(), "a worker failed");
    }

    let without = "select count(*) from tick where previous < at - interval '1 second'";
    // What lies before the first tick is not missed.
    ensure!(count(&pool, without).await? <= 1, "a tick is missing");
    assert_each_tick_has_one_job(&pool).await
}

/// Checks that each tick came once and forward, at a whole second, and that each has a job.
async fn assert_each_tick_has_one_job(pool: &PgPool) -> anyhow::Result<()> {
    let ticks = count(pool, "select count(distinct at) from tick").await?;
    assert_eq!(count(pool, "select count(*) from tick").await?, ticks);
    let forward = "select count(*) from tick where previous < at";
    assert_eq!(count(pool, forward).await?, ticks);
    let jobs = "select count(*) from pgq_jobs.job where task = 'each_second'";
    assert_eq!(count(pool, jobs).await?, ticks);
    let whole = "select count(*) from tick where at = date_trunc('second', at)";
    assert_eq!(count(pool, whole).await?, ticks);
    let early = "select count(*) from pgq_jobs.job
                 where created_at < (select min(at) from tick)";
    assert_eq!(count(pool, early).await?, 0);
    let failed = "select count(*) from pgq_jobs.finished where state <> 1";
    assert_eq!(count(pool, failed).await?, 0);
    // The last one may have come when everybody was on the way out.
    ensure!(unfinished(pool).await? <= 1, "jobs were left behind");
    Ok(())
}
