//! Who is notified by the PostgreSQL storage, and who is not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgq::driver::{
    Claim, Claimed, Driver, Enqueue, Listener, Parked, Start, Topic, WorkerId, WorkerInfo,
};
use pgq::postgres::{DEFAULT_SCHEMA, PostgresDriver, Schema};
use pgq_tests::PATIENCE;
use pgq_tests::database::TestDatabase;
use sqlx::postgres::PgListener;
use sqlx::{ConnectOptions as _, PgConnection};

const QUEUE: &str = "mail";

fn one(start: Start) -> Enqueue {
    Enqueue {
        task: "greet".into(),
        queue: QUEUE.into(),
        priority: 0,
        max_attempts: 1,
        fingerprint: None,
        start,
        durability: pgq::Durability::Durable,
        jobs: vec![vec![1].into()],
    }
}

fn two(start: Start) -> Enqueue {
    Enqueue {
        jobs: vec![vec![1].into(), vec![2].into()],
        ..one(start)
    }
}

fn topic() -> Topic {
    Topic::Ready(Arc::from(QUEUE))
}

/// Hears every notification of a schema, and parks nowhere.
struct Witness {
    listener: PgListener,
    schema: &'static str,
}

impl Witness {
    async fn new(database: &TestDatabase, schema: &'static str) -> anyhow::Result<Self> {
        let mut listener = PgListener::connect_with(database.pool()).await?;
        listener.listen(schema).await?;
        Ok(Self { listener, schema })
    }

    /// What was sent until now.
    async fn heard(&mut self, database: &TestDatabase) -> anyhow::Result<Vec<String>> {
        const END: &str = "the end";
        sqlx::query("select pg_notify($1, $2)")
            .bind(self.schema)
            .bind(END)
            .execute(database.pool())
            .await?;
        let mut heard = Vec::new();
        loop {
            let next = tokio::time::timeout(PATIENCE, self.listener.recv()).await??;
            if next.payload() == END {
                return Ok(heard);
            }
            heard.push(next.payload().to_owned());
        }
    }
}

/// A listener that is parked on the topic.
async fn parked(driver: &PostgresDriver, topic: &Topic) -> anyhow::Result<Box<dyn Listener>> {
    let mut listener = driver.listen().await?;
    assert_eq!(listener.park(topic).await?, Parked::Settled);
    Ok(listener)
}

#[tokio::test]
async fn an_enqueue_notifies_only_while_somebody_is_parked() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let mut witness = Witness::new(&database, DEFAULT_SCHEMA).await?;

    let mut enqueued = async |enqueue: &Enqueue| {
        driver.enqueue(enqueue.clone()).await?;
        witness.heard(&database).await
    };
    // By the statement for one job, and by that for many.
    for enqueue in [one(Start::Now), two(Start::Now)] {
        assert_eq!(enqueued(&enqueue).await?, [""; 0]);

        let mut listener = parked(&driver, &topic()).await?;
        assert_eq!(enqueued(&enqueue).await?, ["ready mail"]);

        listener.unpark(&topic()).await?;
        assert_eq!(enqueued(&enqueue).await?, [""; 0]);
    }
    Ok(())
}

#[tokio::test]
async fn an_enqueuer_of_any_place_sees_who_is_parked() -> anyhow::Result<()> {
    const PLACES: usize = 8;
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let mut enqueuers = HashMap::new();
    // A place belongs to the number of a process, which the server chooses.
    while enqueuers.len() < PLACES {
        let mut connection = database.pool().connect_options().connect().await?;
        let place: i32 = sqlx::query_scalar("select pg_backend_pid() % 8")
            .fetch_one(&mut connection)
            .await?;
        enqueuers.entry(place).or_insert(connection);
    }

    let mut listener = parked(&driver, &topic()).await?;
    for (place, enqueuer) in &mut enqueuers {
        assert!(wakes(enqueuer).await?, "{place}");
    }

    listener.unpark(&topic()).await?;
    for (place, enqueuer) in &mut enqueuers {
        assert!(!wakes(enqueuer).await?, "{place}");
    }
    Ok(())
}

/// Whether an enqueuer finds that somebody is parked on the topic.
async fn wakes(enqueuer: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("select pgq_jobs.wake($1, 'ready mail')")
        .bind(DEFAULT_SCHEMA)
        .fetch_one(enqueuer)
        .await
}

#[tokio::test]
async fn queues_are_parked_on_one_by_one() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let mut witness = Witness::new(&database, DEFAULT_SCHEMA).await?;
    let _listener = parked(&driver, &Topic::Ready(Arc::from("other"))).await?;

    driver.enqueue(one(Start::Now)).await?;

    assert_eq!(witness.heard(&database).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_delayed_job_notifies_only_if_it_is_due_soon() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let mut witness = Witness::new(&database, DEFAULT_SCHEMA).await?;
    let _listener = parked(&driver, &Topic::Scheduled).await?;

    let later = Start::After(Duration::from_secs(3));
    driver.enqueue(one(later)).await?;
    assert_eq!(witness.heard(&database).await?, [""; 0]);

    let soon = Start::After(Duration::from_secs(1));
    driver.enqueue(one(soon)).await?;
    assert_eq!(witness.heard(&database).await?, ["scheduled"]);
    Ok(())
}

#[tokio::test]
async fn schemas_of_one_database_do_not_wake_each_other() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let other = Schema::new("other_jobs")?;
    let other = PostgresDriver::with_schema(database.pool().clone(), &other);
    other.migrate().await?;
    let mut witness = Witness::new(&database, "other_jobs").await?;

    let _listener = parked(&driver, &topic()).await?;
    other.enqueue(one(Start::Now)).await?;
    assert_eq!(witness.heard(&database).await?, [""; 0]);

    let _listener = parked(&other, &topic()).await?;
    other.enqueue(one(Start::Now)).await?;
    assert_eq!(witness.heard(&database).await?, ["ready mail"]);
    Ok(())
}

#[tokio::test]
async fn a_topic_settles_when_the_last_silent_transaction_has_ended() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let mut witness = Witness::new(&database, DEFAULT_SCHEMA).await?;
    let mut transactions = [
        database.pool().begin().await?,
        database.pool().begin().await?,
    ];
    for transaction in &mut transactions {
        pgq::Enqueuer::enqueue(transaction, one(Start::Now)).await?;
    }

    let mut listener = driver.listen().await?;
    assert_eq!(listener.park(&topic()).await?, Parked::Unsettled);
    let [first, second] = transactions;
    first.commit().await?;
    assert_eq!(listener.park(&topic()).await?, Parked::Unsettled);
    second.rollback().await?;
    assert_eq!(listener.park(&topic()).await?, Parked::Settled);
    assert_eq!(witness.heard(&database).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_lock_that_was_left_behind_fails_no_enqueue() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let mut witness = Witness::new(&database, DEFAULT_SCHEMA).await?;
    let mut session = database.pool().acquire().await?;
    sqlx::query(
        "select pg_advisory_lock(pgq_jobs.parked_lock($1, 'ready mail', place))
         from generate_series(0, 7) as place",
    )
    .bind(DEFAULT_SCHEMA)
    .execute(&mut *session)
    .await?;

    driver.enqueue(one(Start::Now)).await?;

    assert_eq!(witness.heard(&database).await?, ["ready mail"]);
    let parked = driver.listen().await?.park(&topic()).await;
    anyhow::ensure!(parked.is_err(), "{parked:?}");
    Ok(())
}

#[tokio::test]
async fn a_session_that_ends_is_parked_no_more() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let mut witness = Witness::new(&database, DEFAULT_SCHEMA).await?;
    let mut listener = parked(&driver, &topic()).await?;

    sqlx::query(
        "select pg_terminate_backend(pid, 10000)
         from (select distinct pid, locktype, mode, database from pg_locks) as held
         where locktype = 'advisory' and mode = 'ShareLock' and pid <> pg_backend_pid()
           and database = (select oid from pg_database where datname = current_database())",
    )
    .execute(database.pool())
    .await?;
    driver.enqueue(one(Start::Now)).await?;

    assert_eq!(witness.heard(&database).await?, [""; 0]);
    let wake = tokio::time::timeout(PATIENCE, listener.recv()).await?;
    assert_eq!(wake?, pgq::driver::Wake::Reconnected);
    assert_eq!(listener.park(&topic()).await?, Parked::Settled);
    driver.enqueue(one(Start::Now)).await?;
    assert_eq!(witness.heard(&database).await?, ["ready mail"]);
    Ok(())
}

#[tokio::test]
async fn a_claim_says_if_others_may_give_jobs_back() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let driver = PostgresDriver::new(database.pool().clone());
    let worker = WorkerInfo {
        id: WorkerId::random(),
        lease: Duration::from_secs(3600),
        host: "localhost".to_owned(),
        pid: 1,
        queues: vec![QUEUE.to_owned()],
        concurrency: 1,
        build: pgq::driver::Build::default(),
    };
    let claim = |number| Claim {
        worker: worker.id,
        number,
        queue: Arc::from(QUEUE),
        tasks: vec![Arc::from(["greet".to_owned()])],
        fingerprints: None,
        limit: 10,
        horizon: None,
        priority_max: None,
    };
    driver.register_worker(worker.clone()).await?;
    driver.enqueue(one(Start::Now)).await?;
    let mut transaction = database.pool().begin().await?;
    sqlx::query("select from pgq_jobs.ready for update")
        .execute(&mut *transaction)
        .await?;

    let contended = driver.claim(claim(1)).await?;
    anyhow::ensure!(matches!(contended, Claimed::Contended), "{contended:?}");
    transaction.rollback().await.context("rollback")?;

    let claimed = driver.claim(claim(2)).await?;
    anyhow::ensure!(
        matches!(&claimed, Claimed::Jobs(jobs) if jobs.len() == 1),
        "{claimed:?}",
    );
    let nothing = driver.claim(claim(3)).await?;
    anyhow::ensure!(
        matches!(&nothing, Claimed::Jobs(jobs) if jobs.is_empty()),
        "{nothing:?}",
    );
    Ok(())
}
