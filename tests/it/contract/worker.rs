//! Workers of several builds beside each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pgq::contract::{self, Lock, Mode, check_registry};
use pgq::{CancellationToken, Input, JobBuilder, JobHandle, JobState, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use pgq_tests::subscriber::subscribe;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as Layered, SubscriberExt as _};

use super::{First, Send, Version, WithCopy, WithNumber, build};

/// How long a run may take. Only a test that fails takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs what a worker of the build with this version can run.
async fn drain<I: Input + Version>(
    database: &TestDatabase,
    lock: &str,
) -> anyhow::Result<pgq::Report> {
    let report = Run::new(build::<I>())
        .pool(database.pool().clone())
        .contracts(lock)
        .without_signals()
        .until_idle()
        .deadline(DEADLINE)
        .await?;
    anyhow::ensure!(report.idle, "not idle within {DEADLINE:?}: {report:?}");
    Ok(report)
}

async fn put<I: Input + Version>(
    database: &TestDatabase,
    input: I,
) -> anyhow::Result<JobHandle<String>> {
    let job = JobBuilder::<Send<I>>::new(input);
    Ok(job.enqueue(database.pool()).await?)
}

fn first() -> First {
    First {
        to: "ada".to_owned(),
    }
}

/// The lock file after these builds, one after the other.
fn lock_of(builds: &[pgq::Registry]) -> anyhow::Result<String> {
    let name = format!(
        "pgq-builds-{}-{:?}.lock",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    for build in builds {
        check_registry(build, &path, Mode::Accept)?;
    }
    let text = std::fs::read_to_string(&path)?;
    std::fs::remove_file(&path)?;
    Ok(text)
}

#[tokio::test]
async fn a_job_carries_the_fingerprint_of_the_contract_of_its_build() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    put(&database, first()).await?;
    put(&database, WithNumber { to: 7 }).await?;

    let stored: Vec<i64> =
        sqlx::query_scalar("select fingerprint from pgq_jobs.ready order by seq")
            .fetch_all(database.pool())
            .await?;

    let own = |build| Lock::of(&build).fingerprints();
    assert_eq!(stored[..1], own(build::<First>()));
    assert_eq!(stored[1..], own(build::<WithNumber>()));
    assert_eq!(stored[0], contract::fingerprint::<Send<First>>());
    assert_ne!(stored[0], stored[1]);
    Ok(())
}

#[tokio::test]
async fn a_worker_runs_the_jobs_that_its_lock_file_says_it_can_read() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let lock = lock_of(&[build::<First>(), build::<WithCopy>()])?;
    let earlier = put(&database, first()).await?;
    let own = put(
        &database,
        WithCopy {
            to: "ada".to_owned(),
            cc: Some("bob".to_owned()),
        },
    )
    .await?;

    let report = drain::<WithCopy>(&database, &lock).await?;

    assert_eq!(report.completed, 2);
    assert_eq!(earlier.wait(database.pool()).await?, "ada ");
    assert_eq!(own.wait(database.pool()).await?, "ada bob");
    Ok(())
}

#[tokio::test]
async fn a_worker_leaves_the_jobs_of_other_contracts_alone_at_no_cost() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let other = put(&database, WithNumber { to: 7 }).await?;
    let own = put(&database, first()).await?;

    let report = drain::<First>(&database, &lock_of(&[build::<First>()])?).await?;

    assert_eq!((report.completed, report.released), (1, 0));
    assert_eq!(own.status(pool).await?, JobState::Completed);
    let left = other.job(pool).await?;
    assert_eq!(
        (left.state, left.attempt, left.deliveries),
        (JobState::Ready, 0, 0)
    );
    drain::<WithNumber>(&database, &lock_of(&[build::<WithNumber>()])?).await?;
    assert_eq!(other.wait(pool).await?, "7");
    Ok(())
}

#[tokio::test]
async fn a_job_without_a_fingerprint_is_always_taken() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = put(&database, first()).await?;
    sqlx::query("update pgq_jobs.ready set fingerprint = null")
        .execute(pool)
        .await?;

    drain::<First>(&database, &lock_of(&[build::<First>()])?).await?;

    assert_eq!(job.wait(pool).await?, "ada");
    Ok(())
}

#[tokio::test]
async fn input_of_an_earlier_contract_that_does_not_decode_is_corrupt() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = put(&database, first()).await?;
    sqlx::query(r"update pgq_jobs.ready set input = '\x0180'")
        .execute(pool)
        .await?;
    let lock = lock_of(&[build::<First>(), build::<WithCopy>()])?;

    drain::<WithCopy>(&database, &lock).await?;

    let failed = job.job(pool).await?;
    assert_eq!((failed.state, failed.attempt), (JobState::Failed, 1));
    assert!(failed.error.unwrap_or_default().contains("does not decode"));
    Ok(())
}

#[tokio::test]
async fn a_worker_does_not_start_with_the_lock_file_of_another_build() -> anyhow::Result<()> {
    let stale = Run::new(build::<WithCopy>()).contracts(lock_of(&[build::<First>()])?);
    let malformed = Run::new(build::<First>()).contracts("version 1\n\ntusk");

    let stale = stale.check().expect_err("stale").to_string();
    let malformed = malformed.check().expect_err("malformed").to_string();

    assert!(
        stale.contains("setting `contracts`: the lock file is not up to date: `send` changed"),
        "{stale}"
    );
    assert!(
        malformed.contains("line 3 of the lock file: `task` is expected"),
        "{malformed}"
    );
    Ok(())
}

#[tokio::test]
async fn the_jobs_that_a_build_cannot_run_are_found_by_one_call() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let lock = Lock::of(&build::<First>());
    put(&database, first()).await?;
    let before = contract::unreadable(pool, &lock).await?;

    for to in 0..3 {
        put(&database, WithNumber { to }).await?;
    }
    JobBuilder::<Send<WithNumber>>::new(WithNumber { to: 9 })
        .delay(Duration::from_secs(3600))
        .enqueue(pool)
        .await?;
    sqlx::query(
        "update pgq_jobs.ready set task = 'gone' where id = (select max(id) from pgq_jobs.ready)",
    )
    .execute(pool)
    .await?;
    let after = contract::unreadable(pool, &lock).await?;

    assert!(before.kinds.is_empty() && before.is_complete);
    assert_eq!(before.to_string(), "every queued job can be run");
    let fingerprint = contract::fingerprint::<Send<WithNumber>>();
    assert_eq!(
        after.to_string(),
        format!(
            "queued jobs that cannot be run:\n  - 1 ready of task `gone`, contract \
             {fingerprint:016x}\n  - 1 scheduled of task `send`, contract {fingerprint:016x}\n  - 2 \
             ready of task `send`, contract {fingerprint:016x}"
        )
    );
    Ok(())
}

#[tokio::test]
async fn a_schedule_is_left_to_a_worker_that_can_read_its_input() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = JobBuilder::<Send<WithNumber>>::new(WithNumber { to: 7 });
    let schedule = job.schedule("daily", pgq::When::cron("@daily"));
    let schedule = schedule.create(pool).await?;
    sqlx::query("update pgq_jobs.schedule set last_tick = last_tick - interval '2 days'")
        .execute(pool)
        .await?;
    let before = schedule.get(pool).await?.last_tick;

    drain::<First>(&database, &lock_of(&[build::<First>()])?).await?;
    assert_eq!(schedule.get(pool).await?.last_tick, before);
    drain::<WithNumber>(&database, &lock_of(&[build::<WithNumber>()])?).await?;

    assert!(schedule.get(pool).await?.last_tick > before);
    assert_eq!(schedule.runs(pool).await?[0].state, JobState::Completed);
    Ok(())
}

/// Counts what is warned of.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Layered<'_, S>) {
        let metadata = event.metadata();
        let is_scheduler = metadata.target().starts_with("pgq::scheduler");
        if is_scheduler && *metadata.level() == tracing::Level::WARN {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn a_schedule_that_a_worker_cannot_read_is_said_once_for_each_change() -> anyhow::Result<()> {
    let warnings = Warnings::default();
    let _subscribed = subscribe(tracing_subscriber::Registry::default().with(warnings.clone()));
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    let job = JobBuilder::<Send<WithNumber>>::new(WithNumber { to: 7 });
    let schedule = job.schedule("often", pgq::When::every(Duration::from_secs(1)));
    let schedule = schedule.create(pool).await?;
    let stop = CancellationToken::new();
    let run = Run::new(build::<First>())
        .pool(pool.clone())
        .contracts(lock_of(&[build::<First>()])?)
        .without_signals()
        .stop_on(stop.clone());
    let run = tokio::spawn(run.into_future());
    let said = async |times: usize| {
        eventually("it is said", async || {
            Ok(warnings.0.load(Ordering::SeqCst) >= times)
        })
        .await
    };

    said(1).await?;
    // Of another one it takes note in the rounds after that.
    let own = JobBuilder::<Send<First>>::new(first());
    let own = own.schedule("own", pgq::When::every(Duration::from_secs(1)));
    let own = own.create(pool).await?;
    eventually("the other one ticks", async || {
        Ok(own.get(pool).await?.recent.len() >= 2)
    })
    .await?;
    assert!(!schedule.get(pool).await?.is_kept && own.get(pool).await?.is_kept);
    let edit = schedule.edit().overlap(pgq::Overlap::Skip);
    edit.apply(pool).await?;
    said(2).await?;

    assert_eq!(warnings.0.load(Ordering::SeqCst), 2);
    stop.cancel();
    run.await??;
    assert_eq!(schedule.get(pool).await?.recent, []);
    Ok(())
}
