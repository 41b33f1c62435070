//! The steps of a partition's life, and what a crash between two of them leaves.

use std::time::Duration;

use pgq::driver::Driver;
use pgq::postgres::PostgresDriver;
use pgq::{JobError, JobHandle, Retain};
use sqlx::{Connection, Executor, PgConnection};

use super::{History, complete, jobs};

#[tokio::test]
async fn partitions_are_made_ahead_of_every_series_in_use() -> anyhow::Result<()> {
    let history = History::new().await?;
    let id = history.driver.enqueue(jobs(1)).await?[0];
    let mut retain = Retain::DEFAULT;
    retain.completed = pgq::Retention::HOUR;
    history.driver.prepare_history(&[retain]).await?;
    let made = history.partitions().await?;
    let other: Vec<_> = made
        .iter()
        .filter(|name| name.starts_with("finished_1_1_"))
        .collect();
    assert_eq!(other.len(), 3, "{made:?}");
    // Somebody else's service wrote to it, and is away.
    history
        .run(
            "insert into pgq_jobs.finished
                 (id, created_at, finished_at, deliveries, state, retention, priority, attempt,
                  max_attempts, deaths, marks, queue, task, input)
             values (0, now(), now(), 1, 1, 1, 0, 1, 1, 0, 0, 'mail', 'other', '')",
        )
        .await?;
    history
        .run(&format!("drop table pgq_jobs.{}", other[2]))
        .await?;
    let day = made
        .iter()
        .rfind(|name| name.starts_with("finished_1_24_"))
        .ok_or_else(|| anyhow::anyhow!("no partition for a day: {made:?}"))?;
    history.run(&format!("drop table pgq_jobs.{day}")).await?;

    history.driver.maintain_history(&[Retain::DEFAULT]).await?;

    assert_eq!(history.partitions().await?, made);
    complete(&history.driver, history.worker, id.as_i64()).await?;
    Ok(())
}

#[tokio::test]
async fn a_completion_that_finds_no_partition_makes_it() -> anyhow::Result<()> {
    let history = History::new().await?;
    for partition in pgq_tests::history::partitions(history.pool()).await? {
        history
            .run(&format!("drop table pgq_jobs.{partition}"))
            .await?;
    }

    let id = history.completed().await?;

    let found = history.driver.find(id).await?;
    assert!(found.is_some_and(|job| job.result.is_some()));
    Ok(())
}

#[tokio::test]
async fn a_table_that_was_detached_and_not_dropped_is_dropped() -> anyhow::Result<()> {
    let history = History::new().await?;
    history.expired().await?;
    let oldest = history.partitions().await?.remove(0);
    history
        .run(&format!(
            "alter table pgq_jobs.finished detach partition pgq_jobs.{oldest}"
        ))
        .await?;

    let report = history.maintain().await?;

    assert_eq!(report.postponed, 0);
    assert!(!history.has_table(&format!("pgq_jobs.{oldest}")).await?);
    Ok(())
}

#[tokio::test]
async fn a_detachment_that_was_interrupted_is_brought_to_an_end() -> anyhow::Result<()> {
    let history = History::new().await?;
    history.expired().await?;
    let oldest = interrupted(&history).await?;

    let report = history.maintain().await?;

    assert_eq!(report.postponed, 0);
    assert!(!history.has_table(&format!("pgq_jobs.{oldest}")).await?);
    Ok(())
}

#[tokio::test]
async fn a_detachment_is_not_brought_to_an_end_that_somebody_still_sees() -> anyhow::Result<()> {
    let history = History::new().await?;
    let id = history.expired().await?;
    let mut old = history.pool().acquire().await?;
    old.execute("begin isolation level repeatable read; select 1")
        .await?;
    let oldest = interrupted(&history).await?;

    // It has not read the table yet. It may begin at any time, also while the other is at it.
    old.execute("set lock_timeout = '10ms'").await?;
    let driver = history.driver.clone();
    let maintaining =
        tokio::spawn(async move { driver.maintain_history(&[Retain::DEFAULT]).await });
    pgq_tests::eventually("the partition is locked, or is left alone", async || {
        let is_locked: bool = sqlx::query_scalar(
            "select exists (select from pg_locks
                            where relation = $1::regclass and mode = 'AccessExclusiveLock')",
        )
        .bind(format!("pgq_jobs.{oldest}"))
        .fetch_one(history.pool())
        .await?;
        Ok(is_locked || maintaining.is_finished())
    })
    .await?;
    let seen: i64 = sqlx::query_scalar("select count(*) from pgq_jobs.finished where id = $1")
        .bind(id.as_i64())
        .fetch_one(&mut *old)
        .await?;
    assert_eq!(seen, 1);
    assert!(maintaining.await??.postponed > 0);
    old.execute("commit").await?;
    assert_eq!(history.maintain().await?.postponed, 0);
    assert!(!history.has_table(&format!("pgq_jobs.{oldest}")).await?);
    Ok(())
}

/// Leaves a partition in the middle of its detachment, and returns its name.
async fn interrupted(history: &History) -> anyhow::Result<String> {
    let oldest = history.partitions().await?.remove(0);
    let mut reader = history.pool().begin().await?;
    sqlx::query("select id from pgq_jobs.finished")
        .fetch_all(&mut *reader)
        .await?;
    let mut interrupted = PgConnection::connect(history.database.url()).await?;
    interrupted.execute("set lock_timeout = '1ms'").await?;
    let detach =
        format!("alter table pgq_jobs.finished detach partition pgq_jobs.{oldest} concurrently");
    let detached = interrupted
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(detach)))
        .await;
    anyhow::ensure!(detached.is_err(), "the detachment did not wait");
    reader.commit().await?;
    let leaving: i64 =
        sqlx::query_scalar("select count(*) from pg_inherits where inhdetachpending")
            .fetch_one(history.pool())
            .await?;
    anyhow::ensure!(leaving == 1, "the detachment did not begin");
    Ok(oldest)
}

#[tokio::test]
async fn a_table_that_was_made_and_not_attached_is_attached() -> anyhow::Result<()> {
    let history = History::new().await?;
    let mut made = history.partitions().await?;
    let last = made.pop().unwrap_or_default();
    history
        .run(&format!(
            "drop table pgq_jobs.{last};
             create table pgq_jobs.{last} (like pgq_jobs.finished)"
        ))
        .await?;

    let report = history.maintain().await?;

    assert_eq!(report.made, 1);
    made.push(last);
    assert_eq!(history.partitions().await?, made);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_not_a_partition_by_its_name_is_never_touched() -> anyhow::Result<()> {
    let history = History::new().await?;
    let others = [
        "pgq_jobs.finished_1_24_600_backup",
        "pgq_jobs.finished_1_24_601",
        "pgq_jobs.finished_1_25_600",
        "pgq_jobs.finished_9_24_600",
        "pgq_jobs.my_finished_1_24_600",
        "pgq_jobs.invoices",
        "public.finished_1_24_600",
    ];
    for other in others {
        history
            .run(&format!("create table {other} (like pgq_jobs.finished)"))
            .await?;
    }
    // This one is.
    history
        .run("create table pgq_jobs.finished_1_24_600 (like pgq_jobs.finished)")
        .await?;

    assert_eq!(history.maintain().await?.dropped, 1);

    for other in others {
        assert!(history.has_table(other).await?, "{other}");
    }
    Ok(())
}

#[tokio::test]
async fn another_schema_has_its_own_history() -> anyhow::Result<()> {
    let history = History::new().await?;
    history.expired().await?;
    let schema = pgq::postgres::Schema::new("other")?;
    let other = PostgresDriver::with_schema(history.pool().clone(), &schema);
    other.migrate().await?;

    assert_eq!(other.maintain_history(&[Retain::DEFAULT]).await?.dropped, 0);

    assert!(history.maintain().await?.dropped > 0);
    Ok(())
}

#[tokio::test]
async fn to_wait_for_a_result_that_was_pruned_is_an_error() -> anyhow::Result<()> {
    let history = History::new().await?;
    let id = history.completed().await?;
    history.run("truncate pgq_jobs.result").await?;

    let number = JobHandle::<Option<u8>>::from_id(id)
        .wait_for(history.pool(), Duration::ZERO)
        .await;
    let unit = JobHandle::<()>::from_id(id)
        .wait_for(history.pool(), Duration::ZERO)
        .await;

    assert!(
        matches!(number, Err(JobError::ResultPruned { job }) if job == id),
        "{number:?}"
    );
    assert!(unit.is_ok());
    Ok(())
}
