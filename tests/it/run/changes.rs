//! Jobs that are requeued, deleted and rescheduled while workers run.

use std::time::Duration;

use pgq::driver::{Cancellation, Driver};
use pgq::{Conflict, JobError, JobHandle, JobId, JobState, Jobs, Retention, Start, Task as _};
use pgq_tests::database::TestDatabase;
use pgq_tests::{PATIENCE, eventually};
use sqlx::PgPool;

use super::{DEADLINE, count, drain, worker};

#[derive(Debug, thiserror::Error)]
#[error("the mailbox is full")]
struct Full(#[source] std::io::Error);

/// Fails until the table says otherwise.
#[pgq::task(max_attempts = 1, tags = ["mail"])]
async fn deliver(pool: &PgPool, letter: Vec<u8>) -> anyhow::Result<usize> {
    let works: bool = sqlx::query_scalar("select to_regclass('works') is not null")
        .fetch_one(pool)
        .await?;
    if !works {
        Err(Full(std::io::Error::other("no space is left")))?;
    }
    Ok(letter.len())
}

#[pgq::task]
async fn tally(pool: &PgPool, number: i64) -> anyhow::Result<()> {
    sqlx::query("insert into tally (number) values ($1)")
        .bind(number)
        .execute(pool)
        .await?;
    Ok(())
}

async fn run(pool: &PgPool, sql: &'static str) -> anyhow::Result<()> {
    sqlx::query(sql).execute(pool).await?;
    Ok(())
}

#[pgq::task]
async fn tell(number: u64) {
    let _ = number;
}

#[pgq::task(ordered_by = [account])]
async fn in_order(account: u32) {
    let _ = account;
}

#[tokio::test]
async fn dead_letters_run_again_with_their_input_and_keep_their_history() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    // One whose input is kept apart from it.
    let job = deliver::enqueue(pool, vec![7; 10_000]).await?;
    drain(worker::<deliver>(&database)).await?;
    assert_eq!(job.status(pool).await?, JobState::Failed);
    run(pool, "create table works ()").await?;

    let requeued = Jobs::in_state(JobState::Failed)
        .tag("mail")
        .requeue(pool)
        .await?;
    drain(worker::<deliver>(&database)).await?;

    assert_eq!(requeued.changed, 1);
    assert_eq!(job.wait(pool).await?, 10_000);
    let attempts = job.attempts(pool).await?;
    let errors: Vec<_> = attempts
        .iter()
        .map(|attempt| attempt.error.as_deref())
        .collect();
    assert_eq!(
        errors,
        [Some("the mailbox is full: no space is left"), None]
    );
    Ok(())
}

#[tokio::test]
async fn a_deleted_job_leaves_no_row_anywhere() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let large = || vec![7; 10_000];
    let failed = deliver::enqueue(pool, large()).await?;
    drain(worker::<deliver>(&database)).await?;
    run(pool, "create table works ()").await?;
    let completed = deliver::enqueue(pool, large()).await?;
    drain(worker::<deliver>(&database)).await?;
    let ready = deliver::enqueue(pool, large()).await?;
    let hour = Duration::from_secs(3600);
    let scheduled = deliver::job(large()).delay(hour).enqueue(pool).await?;
    let kept = deliver::enqueue(pool, large()).await?;

    let told = tell::job(1).unique("told").enqueue(pool).await?;
    drain(worker::<tell>(&database)).await?;
    let deleted = [
        failed.id(),
        completed.id(),
        ready.id(),
        scheduled.id(),
        told.id(),
        aside(pool).await?,
    ];
    report(pool, told.id()).await?;
    for job in deleted {
        let before = rows_of(pool, job).await?;
        assert!(!before.is_empty(), "{job}");
        JobHandle::<()>::from_id(job).delete(pool).await?;
        assert_eq!(
            rows_of(pool, job).await?,
            [""; 0],
            "{job}: was in {before:?}"
        );
    }

    let rows = rows_of(pool, kept.id()).await?;
    assert_eq!(rows, ["detail", "large_input", "ready"]);
    Ok(())
}

/// The tables that have a row of a job, partitions left out. A row of `expiry` means nothing once its
/// job is gone, and is deleted when its time comes; a permit of a key is given up by the next claim.
async fn rows_of(pool: &PgPool, job: JobId) -> anyhow::Result<Vec<String>> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select class.relname::text, min(attname::text)
         from pg_class as class
         join pg_attribute as attribute on attribute.attrelid = class.oid
         where relnamespace = 'pgq_jobs'::regnamespace and relkind in ('r', 'p')
           and not relispartition and atttypid = 'bigint'::regtype
           and (attname = 'job' or attname = 'id' and class.relname <> 'worker')
           and class.relname not in ('expiry', 'key_permit')
         group by class.relname
         order by class.relname::text",
    )
    .fetch_all(pool)
    .await?;
    anyhow::ensure!(columns.len() >= 12, "{columns:?}");
    let mut tables = Vec::new();
    for (table, column) in columns {
        let sql = format!("select exists (select from pgq_jobs.{table} where {column} = $1)");
        let there: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(job.as_i64())
            .fetch_one(pool)
            .await?;
        if there {
            tables.push(table);
        }
    }
    Ok(tables)
}

/// Writes what an attempt of a job might have logged and reported.
async fn report(pool: &PgPool, job: JobId) -> anyhow::Result<()> {
    sqlx::query(
        "with logged as (
             insert into pgq_jobs.attempt_log (job, worker, claim, ended_at, attempt, text)
             values ($1, 1, 1, now(), 1, 'a line')
         )
         insert into pgq_jobs.progress (job, done, total, updated_at, attempt, message)
         values ($1, 1, 2, now(), 1, 'half')",
    )
    .bind(job.as_i64())
    .execute(pool)
    .await?;
    Ok(())
}

/// A job that waits for a key, as a claim leaves it.
async fn aside(pool: &PgPool) -> anyhow::Result<JobId> {
    let job = in_order::enqueue(pool, 7).await?;
    sqlx::query(
        "with taken as (delete from pgq_jobs.ready where id = $1 returning *),
              aside as (insert into pgq_jobs.set_aside values ($1, 7, 1, 1, 'send', ''))
         insert into pgq_jobs.scheduled
             (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts,
              deaths, marks, queue, task, input)
         select id, fingerprint, created_at, '9999-01-01 00:00:00+00', deliveries, priority,
                attempt, max_attempts, deaths, marks, queue, task, input
         from taken",
    )
    .bind(job.id().as_i64())
    .execute(pool)
    .await?;
    Ok(job.id())
}

#[tokio::test]
async fn a_job_that_waits_for_a_key_no_more_leaves_no_row_of_that() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let minute = Duration::from_secs(60);
    let handle = JobHandle::<()>::from_id;

    let cancelled = aside(pool).await?;
    handle(cancelled).cancel(pool).await?;
    let put_off = aside(pool).await?;
    handle(put_off)
        .reschedule(pool, Start::After(minute))
        .await?;
    let late = aside(pool).await?;
    sqlx::query("update pgq_jobs.detail set expires_at = now() where job = $1")
        .bind(late.as_i64())
        .execute(pool)
        .await?;
    let replaced = aside(pool).await?;
    sqlx::query(
        "with marked as (
             update pgq_jobs.scheduled set marks = marks | 8 where id = $1
         ), expiring as (
             insert into pgq_jobs.expiry (job, expires_at) values ($1, now())
         ), unkeyed as (
             delete from pgq_jobs.unique_key
         )
         insert into pgq_jobs.unique_key (key, job, lane)
         values (substr(encode(sha256('k'), 'hex'), 1, 32)::uuid, $2, 0)",
    )
    .bind(late.as_i64())
    .bind(replaced.as_i64())
    .execute(pool)
    .await?;
    let driver = pgq::postgres::PostgresDriver::new(pool.clone());
    Driver::expire(&driver, 10, &Retention::DAY.into()).await?;
    let taken: bool = sqlx::query_scalar("select pgq_jobs.withdraw($1, 0)")
        .bind(replaced.as_i64())
        .fetch_one(pool)
        .await?;

    assert!(taken);
    assert_eq!(handle(late).status(pool).await?, JobState::Expired);
    assert_eq!(count(pool, "set_aside").await?, 0);
    Ok(())
}

#[tokio::test]
async fn many_changes_do_not_wait_for_a_transaction_that_replaces_a_job() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let hour = Duration::from_secs(3600);
    let replace = |number| {
        tell::job(number)
            .unique(number.to_string())
            .on_conflict(Conflict::Replace)
            .expires_in(Duration::from_millis(1))
    };
    for number in [1, 2] {
        replace(number).enqueue(pool).await?;
        let later = replace(number + 10).run_at(chrono::Utc::now() + hour);
        later.expires_in(hour).enqueue(pool).await?;
    }
    let mut transaction = pool.begin().await?;
    replace(1).enqueue(&mut *transaction).await?;
    replace(11).enqueue(&mut *transaction).await?;

    // Others end, of which the transaction is about to replace one.
    let driver = pgq::postgres::PostgresDriver::new(pool.clone());
    let changes = async {
        Driver::expire(&driver, 10, &Retention::DAY.into()).await?;
        let scheduled = Jobs::in_state(JobState::Scheduled);
        let moved = scheduled.reschedule(pool, Start::After(hour)).await?;
        assert_eq!((moved.changed, moved.left), (1, 1));
        let deleted = scheduled.delete(pool).await?;
        assert_eq!((deleted.changed, deleted.left), (1, 1));
        let ready = Jobs::in_state(JobState::Ready);
        let moved = ready.reschedule(pool, Start::After(hour)).await?;
        assert_eq!((moved.changed, moved.left), (0, 1));
        let deleted = ready.delete(pool).await?;
        assert_eq!((deleted.changed, deleted.left), (0, 1));
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, changes).await??;
    replace(2).enqueue(&mut *transaction).await?;
    transaction.commit().await?;

    let expired = Jobs::in_state(JobState::Expired).list(pool).await?;
    assert_eq!(expired.jobs.len(), 1);
    assert_eq!(count(pool, "ready").await?, 3);
    // What was left alone is looked at again.
    eventually("the others have expired", async || {
        Driver::expire(&driver, 10, &Retention::DAY.into()).await?;
        Ok(count(pool, "ready").await? == 0)
    })
    .await
}

#[tokio::test]
async fn a_requeue_reaches_a_worker_that_waits() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = deliver::enqueue(pool, vec![7]).await?;
    drain(worker::<deliver>(&database)).await?;
    run(pool, "create table works ()").await?;
    let stop = pgq::CancellationToken::new();
    let running = worker::<deliver>(&database)
        .poll_interval(DEADLINE)
        .stop_on(stop.clone());
    let running = tokio::spawn(async move { running.await });

    job.requeue(pool).await?;

    assert_eq!(job.wait_for(pool, DEADLINE / 2).await?, 1);
    stop.cancel();
    running.await??;
    Ok(())
}

/// Each job runs once or is deleted, whoever is faster.
#[tokio::test]
async fn jobs_that_are_deleted_while_workers_claim_do_not_run() -> anyhow::Result<()> {
    const JOBS: i64 = 3000;
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    run(pool, "create table tally (number bigint)").await?;
    tally::enqueue_many(pool, 0..JOBS).await?;

    let ready = Jobs::in_state(JobState::Ready);
    let (report, deleted, moved) = tokio::join!(
        drain(worker::<tally>(&database)),
        ready.delete(pool),
        async {
            let hour = Duration::from_secs(3600);
            ready.reschedule(pool, Start::After(hour)).await
        },
    );

    let (report, deleted) = (report?, deleted?);
    moved?;
    let ran: (i64, i64) = sqlx::query_as("select count(*), count(distinct number) from tally")
        .fetch_one(pool)
        .await?;
    let scheduled = count(pool, "scheduled").await?;
    assert_eq!(ran.0, ran.1, "no job ran twice");
    assert_eq!(usize::try_from(ran.0)?, usize::try_from(report.completed)?);
    assert_eq!(
        ran.0 + scheduled + i64::try_from(deleted.changed)? + count(pool, "ready").await?,
        JOBS
    );
    assert_eq!(count(pool, "finished").await?, ran.0);
    Ok(())
}

#[tokio::test]
async fn a_job_that_somebody_keeps_locked_is_not_waited_for_for_ever() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let held = tell::enqueue(pool, 1).await?;
    let driver = pgq::Reader::driver(&pool);
    super::claim_and_die(&*driver, tell::NAME, 1).await?;
    let waiting = tell::enqueue(pool, 2).await?;
    let mut transaction = pool.begin().await?;
    for table in ["ready", "running"] {
        let lock = format!("select from pgq_jobs.{table} for update");
        sqlx::query(sqlx::AssertSqlSafe(lock))
            .execute(&mut *transaction)
            .await?;
    }

    let all = Jobs::in_state(JobState::Ready);
    let (running, ready, many, deleted) = tokio::join!(
        held.cancel(pool),
        waiting.cancel(pool),
        all.cancel(pool),
        waiting.delete(pool),
    );

    for refused in [running.map(|_| ()), ready.map(|_| ()), deleted] {
        assert!(
            matches!(refused, Err(JobError::Contended { .. })),
            "{refused:?}"
        );
    }
    let many = many?;
    assert_eq!((many.changed, many.left), (0, 1));
    transaction.rollback().await?;
    assert_eq!(waiting.cancel(pool).await?, Cancellation::Cancelled);
    assert_eq!(held.cancel(pool).await?, Cancellation::Requested);
    Ok(())
}
