//! What makes a waiting worker claim, and schedules.

use std::sync::Arc;
use std::time::Duration;

use pgq::CancellationToken;
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::worker;

/// So rarely that a test would fail before.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);

#[pgq::task]
async fn reply() -> anyhow::Result<u32> {
    Ok(42)
}

/// Runs until it is allowed to end.
#[pgq::task]
async fn held(gate: &Arc<Semaphore>) -> anyhow::Result<()> {
    gate.acquire().await?.forget();
    Ok(())
}

/// A task that no worker of these tests has.
#[pgq::task]
async fn foreign() {}

/// A worker of `reply` that starts jobs because it is woken, not because it polls.
struct Waiting {
    stop: CancellationToken,
    running: JoinHandle<pgq::Result<()>>,
}

impl Waiting {
    fn start(database: &TestDatabase) -> Self {
        let stop = CancellationToken::new();
        let run = worker::<reply>(database)
            .poll_interval(NEVER)
            .stop_on(stop.clone());
        Self {
            stop,
            running: tokio::spawn(run.into_future()),
        }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }
}

/// How many sessions wait for the wake-ups of the default queue.
async fn parked(pool: &PgPool) -> anyhow::Result<i64> {
    let sql = "select count(*) from pg_locks
               where locktype = 'advisory' and mode = 'ShareLock' and granted
                 and (classid::bigint << 32 | objid::bigint)
                     = pgq_jobs.parked_lock('pgq_jobs', 'ready default', 7)
                 and database = (select oid from pg_database where datname = current_database())";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

pub(crate) async fn until_parked(pool: &PgPool, workers: i64) -> anyhow::Result<()> {
    eventually("the worker is parked or not", || async {
        Ok(parked(pool).await? == workers)
    })
    .await
}

async fn answers(pool: &PgPool) -> anyhow::Result<()> {
    let job = reply::enqueue(pool).await?;
    assert_eq!(job.wait_for(pool, super::DEADLINE).await?, 42);
    Ok(())
}

#[tokio::test]
async fn an_enqueue_wakes_a_worker_that_does_not_poll() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let worker = Waiting::start(&database);
    // Once the first has run, nothing but wake-ups is left to start the others.
    for _ in 0..20 {
        answers(pool).await?;
    }
    worker.stop().await
}

#[tokio::test]
async fn a_worker_that_has_waited_is_woken() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let worker = Waiting::start(&database);

    for _ in 0..3 {
        until_parked(pool, 1).await?;
        answers(pool).await?;
    }
    worker.stop().await
}

#[tokio::test]
async fn a_transaction_that_was_told_that_nobody_waits_is_waited_for() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let mut transaction = pool.begin().await?;
    let job = reply::enqueue(&mut transaction).await?;
    let worker = Waiting::start(&database);
    until_parked(pool, 1).await?;
    // Others are served meanwhile.
    answers(pool).await?;
    eventually("the worker has not looked for a while", || async {
        let sql = "select exists (
                       select from pg_stat_activity
                       where datname = current_database()
                         and query like '-- Moves the next ready jobs%'
                         and state_change < clock_timestamp() - interval '200 milliseconds'
                   )";
        Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
    })
    .await?;

    transaction.commit().await?;

    assert_eq!(job.wait_for(pool, super::DEADLINE).await?, 42);
    worker.stop().await
}

#[tokio::test]
async fn a_worker_whose_listening_session_was_cut_is_woken_again() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let worker = Waiting::start(&database);

    for _ in 0..5 {
        until_parked(pool, 1).await?;
        sqlx::query(
            "select pg_terminate_backend(pid, 10000)
             from (select distinct pid, locktype, mode, database from pg_locks) as held
             where locktype = 'advisory' and mode = 'ShareLock' and pid <> pg_backend_pid()
               and database = (select oid from pg_database where datname = current_database())",
        )
        .execute(pool)
        .await?;
        answers(pool).await?;
    }
    worker.stop().await
}

#[tokio::test]
async fn a_worker_without_room_is_not_woken() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let (stop, gate) = (CancellationToken::new(), Arc::new(Semaphore::new(0)));
    let run = worker::<held>(&database)
        .state(Arc::clone(&gate))
        .concurrency(1)
        .poll_interval(NEVER)
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    until_parked(pool, 1).await?;

    let first = held::enqueue(pool).await?;
    until_parked(pool, 0).await?;
    let second = held::enqueue(pool).await?;
    gate.add_permits(2);

    for job in [first, second] {
        job.wait_for(pool, super::DEADLINE).await?;
    }
    until_parked(pool, 1).await?;
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_flood_of_jobs_for_others_does_not_wake_one_by_one() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let worker = Waiting::start(&database);
    until_parked(pool, 1).await?;

    let flood = async {
        while parked(pool).await? > 0 {
            foreign::enqueue(pool).await?;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(super::DEADLINE, flood).await??;

    answers(pool).await?;
    until_parked(pool, 1).await?;
    answers(pool).await?;
    worker.stop().await
}

#[tokio::test]
async fn a_worker_that_cannot_park_polls() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    // As a session would do that was cut off at the wrong moment.
    let mut session = pool.acquire().await?;
    sqlx::query(
        "select pg_advisory_lock(pgq_jobs.parked_lock('pgq_jobs', topic, 7))
         from unnest(array['ready default', 'scheduled']) as topic",
    )
    .execute(&mut *session)
    .await?;
    let stop = CancellationToken::new();
    let run = worker::<reply>(&database)
        .poll_interval(Duration::from_millis(50))
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());

    for _ in 0..5 {
        answers(pool).await?;
    }
    drop(session.close().await);
    until_parked(pool, 1).await?;
    answers(pool).await?;
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_worker_goes_on_after_its_connections_were_cut() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let run = worker::<reply>(&database).stop_on(stop.clone());
    let running = tokio::spawn(async move { run.await });
    // A worker that cannot even start says so instead of going on.
    reply::enqueue(pool)
        .await?
        .wait_for(pool, super::DEADLINE)
        .await?;

    for _ in 0..5 {
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name = 'pgq'",
        )
        .execute(pool)
        .await?;
        let jobs = reply::enqueue_many(pool, [(); 20]).await?;
        for job in jobs {
            assert_eq!(job.wait_for(pool, super::DEADLINE).await?, 42);
        }
    }
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn several_workers_run_each_job_once() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let run = worker::<reply>(&database)
                .concurrency(10)
                .stop_on(stop.clone());
            tokio::spawn(async move { run.await })
        })
        .collect();

    reply::enqueue_many(pool, vec![(); 2000]).await?;
    eventually("all jobs have completed", || async {
        Ok(super::count(pool, "finished").await? >= 2000)
    })
    .await?;
    stop.cancel();
    for worker in workers {
        worker.await??;
    }

    let (jobs, deliveries): (i64, i64) =
        sqlx::query_as("select count(distinct id), sum(deliveries) from pgq_jobs.finished")
            .fetch_one(pool)
            .await?;
    // A job that was given back has one delivery more; none has completed twice.
    assert_eq!((jobs, super::count(pool, "finished").await?), (2000, 2000));
    assert!(deliveries >= 2000);
    Ok(())
}
