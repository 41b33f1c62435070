//! Programs of one version of pgq on the schema of another: what a deployment meets, and one that is rolled back.

use std::sync::Arc;
use std::time::Duration;

use pgq::driver::{Driver, DriverErrorKind};
use pgq::postgres::PostgresDriver;
use pgq::{CancellationToken, Error, INPUT_INLINE_MAX, JobState, Pgq, Registry, Retain, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::Semaphore;

use super::{DEADLINE, drain};

#[pgq::task(name = "versions/send")]
async fn send(letter: Vec<u8>) -> anyhow::Result<usize> {
    Ok(letter.len())
}

#[pgq::task(name = "versions/once", unique(by = [customer]))]
async fn once(customer: u32) {
    let _ = customer;
}

#[pgq::task(name = "versions/in_order", ordered_by = [account])]
async fn in_order(account: u32) {
    let _ = account;
}

#[pgq::task(name = "versions/fail", max_attempts = 2, backoff(fixed = "1ms"))]
async fn fail() -> anyhow::Result<()> {
    anyhow::bail!("the mailbox is full")
}

/// Says that it runs, and ends when it may.
#[pgq::task(name = "versions/hold")]
async fn hold(places: &Places) -> anyhow::Result<()> {
    places.began.add_permits(1);
    places.may_end.acquire().await?.forget();
    Ok(())
}

#[derive(Clone)]
struct Places {
    began: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
}

fn run(pool: &PgPool) -> Run {
    Run::new(Registry::new())
        .task::<send>()
        .task::<once>()
        .task::<in_order>()
        .task::<fail>()
        .pool(pool.clone())
        .without_signals()
}

fn kind<T>(result: &Result<T, Error>) -> Option<DriverErrorKind> {
    match result {
        Err(Error::Driver(error)) => Some(error.kind()),
        _ => None,
    }
}

/// Does to the schema what a later migration may do that admits programs of `oldest_program`: it adds a column to each
/// table.
async fn migrate_further(pool: &PgPool, oldest_program: i32) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "select oid::regclass::text from pg_class
         where relnamespace = 'pgq_jobs'::regnamespace and relkind in ('r', 'p') and not relispartition",
    )
    .fetch_all(&mut *transaction)
    .await?;
    for table in tables {
        let alter =
            format!("alter table {table} add column of_the_future text not null default 'x'");
        sqlx::raw_sql(AssertSqlSafe(alter))
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query(
        "insert into pgq_jobs.migration (version, name, checksum, oldest_program)
         values (1000, 'of the future', 0, $1)",
    )
    .bind(oldest_program)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("select pgq_jobs.direct('pgq_jobs')")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

#[tokio::test]
async fn a_newer_schema_that_admits_a_program_changes_nothing_for_it() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    migrate_further(pool, 1).await?;
    let pgq = Pgq::from_pool(pool.clone());

    let large = send::enqueue(pool, vec![7; 2 * INPUT_INLINE_MAX]).await?;
    let delayed = send::job(vec![7]).delay(Duration::from_millis(10));
    let delayed = delayed.enqueue(pool).await?;
    let first = once::enqueue(pool, 1).await?;
    let second = once::enqueue(pool, 1).await?;
    let in_order = in_order::enqueue_many(pool, [1, 1, 2]).await?;
    let failed = fail::enqueue(pool).await?;
    let cancelled = send::job(vec![7]).delay(DEADLINE).enqueue(pool).await?;
    cancelled.cancel(pool).await?;
    let report = drain(run(pool)).await?;
    let of_sql: i64 =
        sqlx::query_scalar("select pgq_jobs.enqueue('versions/send', '{\"letter\": [7]}')")
            .fetch_one(pool)
            .await?;
    failed.requeue(pool).await?;
    let again = drain(run(pool)).await?;

    assert_eq!(large.wait_for(pool, DEADLINE).await?, 2 * INPUT_INLINE_MAX);
    assert_eq!(delayed.status(pool).await?, JobState::Completed);
    assert_eq!(second.id(), first.id());
    for job in in_order {
        assert_eq!(job.status(pool).await?, JobState::Completed);
    }
    assert_eq!(cancelled.status(pool).await?, JobState::Cancelled);
    assert_eq!(failed.attempts(pool).await?.len(), 4);
    assert_eq!((report.completed, report.failed), (6, 1));
    assert_eq!((again.completed, again.failed), (1, 1), "{of_sql}");
    failed.delete(pool).await?;
    PostgresDriver::new(pool.clone())
        .maintain_history(&[Retain::DEFAULT])
        .await?;
    let findings = pgq.check_health().await?;
    assert_eq!(findings, [], "{findings:?}");
    pgq.migrate().await?;
    Ok(())
}

#[tokio::test]
async fn a_worker_ends_once_a_migration_does_not_admit_it_any_more() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let places = Places {
        began: Arc::new(Semaphore::new(0)),
        may_end: Arc::new(Semaphore::new(0)),
    };
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<hold>()
        .state(places.clone())
        .pool(pool.clone())
        .without_signals()
        .drain_deadline(DEADLINE)
        .stop_on(stop.clone());
    let handle = run.handle();
    let running = hold::enqueue(pool).await?;
    let worker = tokio::spawn(run.into_future());
    places.began.acquire().await?.forget();

    migrate_further(pool, 1000).await?;
    eventually("the worker drains", async || Ok(handle.is_draining())).await?;
    let left = hold::enqueue(pool).await?;
    places.may_end.add_permits(2);
    let ended = worker.await?;

    assert_eq!(
        kind(&ended),
        Some(DriverErrorKind::SchemaNewer),
        "{ended:?}"
    );
    let error = ended
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        error.contains("deploy a program with a newer version of pgq"),
        "{error}"
    );
    assert_eq!(running.status(pool).await?, JobState::Completed);
    assert_eq!(left.status(pool).await?, JobState::Ready);
    assert!(!stop.is_cancelled());
    Ok(())
}
