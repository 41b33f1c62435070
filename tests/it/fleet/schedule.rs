//! Several processes with one schedule.

use std::time::Duration;

use anyhow::ensure;
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use pgq_tests::fleet::Fleet;
use pgq_tests::fleet::process::Signal;

use super::{count, unfinished};

/// How many ticks are looked at.
const TICKS: usize = 5;

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
