//! Who reads the history for long, and who does not wait for that.

use pgq::Retain;
use pgq::driver::Driver;
use pgq::postgres::PostgresDriver;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool, Postgres};

use super::{History, complete, jobs};

/// Reads like `pg_dump`: every table of the schema, in one transaction that stays open.
pub(super) async fn dump(pool: &PgPool) -> anyhow::Result<PoolConnection<Postgres>> {
    let mut reader = pool.acquire().await?;
    reader
        .execute(
            "begin isolation level repeatable read;
             do $$
             declare name text;
             begin
                 for name in
                     select oid::regclass from pg_class
                     where relnamespace = 'pgq_jobs'::regnamespace and relkind in ('r', 'p')
                 loop
                     execute format('lock table %s in access share mode', name);
                     execute format('select count(*) from %s', name);
                 end loop;
             end $$",
        )
        .await?;
    Ok(reader)
}

#[tokio::test]
async fn a_dump_keeps_what_it_reads_and_stops_nobody() -> anyhow::Result<()> {
    let history = History::new().await?;
    let id = history.expired().await?;
    let mut reader = dump(history.pool()).await?;

    let kept = history.maintain().await?;

    assert!(kept.postponed > 0, "{kept:?}");
    // Nothing was begun that could only be brought to an end after every older snapshot.
    let leaving: i64 =
        sqlx::query_scalar("select count(*) from pg_inherits where inhdetachpending")
            .fetch_one(history.pool())
            .await?;
    assert_eq!(leaving, 0);
    assert!(history.driver.find(id).await?.is_some());
    history.completed().await?;
    reader.execute("commit").await?;
    assert_eq!(history.maintain().await?.postponed, 0);
    assert!(history.driver.find(id).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_snapshot_of_something_else_keeps_nothing() -> anyhow::Result<()> {
    let history = History::new().await?;
    let id = history.expired().await?;
    let mut old = history.pool().acquire().await?;
    old.execute("begin isolation level repeatable read; select 1")
        .await?;

    let report = history.maintain().await?;

    assert_eq!(report.postponed, 0);
    assert!(history.driver.find(id).await?.is_none());
    old.execute("commit").await?;
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_still_read_is_dropped_later() -> anyhow::Result<()> {
    let history = History::new().await?;
    history.expired().await?;
    let oldest = history.partitions().await?.remove(0);
    history
        .run(&format!(
            "alter table pgq_jobs.finished detach partition pgq_jobs.{oldest}"
        ))
        .await?;
    let mut reader = dump(history.pool()).await?;

    assert!(history.maintain().await?.postponed > 0);

    assert!(history.has_table(&format!("pgq_jobs.{oldest}")).await?);
    reader.execute("commit").await?;
    assert_eq!(history.maintain().await?.postponed, 0);
    assert!(!history.has_table(&format!("pgq_jobs.{oldest}")).await?);
    Ok(())
}

/// `analyze` of the table excludes that a partition is attached, until it ends.
#[tokio::test]
async fn nobody_waits_behind_the_making_of_a_partition() -> anyhow::Result<()> {
    let history = History::new().await?;
    let last = history.partitions().await?.pop().unwrap_or_default();
    history.run(&format!("drop table pgq_jobs.{last}")).await?;
    let mut analyze = history.pool().begin().await?;
    analyze
        .execute("lock table pgq_jobs.finished in share update exclusive mode")
        .await?;
    let impatient = impatient(&history);
    let driver = history.driver.clone();
    let making = tokio::spawn(async move { driver.prepare_history(&[Retain::DEFAULT]).await });
    pgq_tests::eventually("the maker waits", async || {
        let waits: bool = sqlx::query_scalar(
            "select exists (
                 select from pg_locks
                 where not granted and relation = 'pgq_jobs.finished'::regclass
                   and database = (select oid from pg_database where datname = current_database())
             )",
        )
        .fetch_one(history.pool())
        .await?;
        Ok(waits)
    })
    .await?;

    let id = impatient.enqueue(jobs(1)).await?[0];
    complete(&impatient, history.worker, 1).await?;
    assert!(impatient.find(id).await?.is_some());

    analyze.commit().await?;
    making.await??;
    assert!(history.partitions().await?.contains(&last));
    Ok(())
}

/// A driver whose statements fail if they wait longer than 10 ms for a lock.
pub(super) fn impatient(history: &History) -> PostgresDriver {
    let options = (*history.pool().connect_options())
        .clone()
        .options([("lock_timeout", "10ms")]);
    PostgresDriver::new(
        PgPoolOptions::new()
            .max_connections(3)
            .connect_lazy_with(options),
    )
}
