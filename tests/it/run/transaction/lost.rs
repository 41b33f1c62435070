//! Connections and servers that go away around a commit.

use std::time::Duration;

use anyhow::Context as _;
use pgq::driver::Driver as _;
use pgq::embedded::{Cluster, EmbeddedError, Shutdown};
use pgq::postgres::PostgresDriver;
use pgq::{CancellationToken, Context, JobState, Pgq, Registry, Run};
use pgq_tests::database::TestDatabase;
use pgq_tests::eventually;
use pgq_tests::gate::Gate;
use sqlx::PgPool;
use tokio::time::timeout;

use super::super::{DEADLINE, worker};
use super::{Stops, cut_off, entries, ledger, rescue, slow, stubborn, write};

#[tokio::test]
async fn a_connection_that_is_lost_before_the_commit_has_done_nothing() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let stops = Stops::new();
    let job = slow::enqueue(database.pool()).await?;
    let stop = CancellationToken::new();
    let run = worker::<slow>(&database)
        .state(stops.clone())
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;

    cut_off(database.pool()).await?;
    stops.pass();
    stops.reached().await?;
    assert_eq!(entries(database.pool()).await?, 0);
    stops.pass();

    job.wait_for(database.pool(), DEADLINE).await?;
    assert_eq!(entries(database.pool()).await?, 1);
    assert_eq!(job.job(database.pool()).await?.attempt, 2);
    stop.cancel();
    Ok(running.await??)
}

/// The way to the server that a task has.
#[derive(Clone, Debug)]
struct Way(PgPool);

/// Commits where nobody hears of it.
#[pgq::task(name = "transaction/unheard", backoff(fixed = "1ms"))]
async fn unheard(ctx: &Context, way: &Way, stops: &Stops) -> anyhow::Result<()> {
    let mut tx = way.0.begin().await?;
    write(&mut tx, ctx.job_id()).await?;
    ctx.complete_in(&mut *tx, &()).await?;
    stops.stop().await;
    tx.commit().await?;
    Ok(())
}

/// Runs it with a commit that is lost on its way there, or whose answer is lost.
async fn lose_the_commit(it_arrives: bool) -> anyhow::Result<i16> {
    let database = TestDatabase::migrated().await?;
    ledger(database.pool()).await?;
    let direct = database.pool().connect_options();
    let mut gate = Gate::open(&direct).await?;
    let way = Way(PgPool::connect_lazy_with(gate.options(&direct)));
    let stops = Stops::new();
    let job = unheard::enqueue(database.pool()).await?;
    let stop = CancellationToken::new();
    let run = worker::<unheard>(&database)
        .state(stops.clone())
        .state(way)
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;

    gate.shut(true);
    stops.pass();
    let commit = timeout(DEADLINE, gate.next()).await?;
    let commit = commit.context("no commit was sent")?;
    gate.shut(false);
    if it_arrives {
        commit.mute();
    } else {
        drop(commit);
        stops.pass();
    }

    job.wait_for(database.pool(), DEADLINE).await?;
    assert_eq!(entries(database.pool()).await?, 1);
    let attempt = job.job(database.pool()).await?.attempt;
    stop.cancel();
    running.await??;
    Ok(attempt)
}

#[tokio::test]
async fn a_commit_that_nobody_heard_of_counts() -> anyhow::Result<()> {
    assert_eq!(lose_the_commit(true).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_commit_that_did_not_arrive_does_not_count() -> anyhow::Result<()> {
    assert_eq!(lose_the_commit(false).await?, 2);
    Ok(())
}

#[tokio::test]
async fn the_database_says_after_a_crash_whether_the_commit_arrived() -> anyhow::Result<()> {
    for commits in [false, true] {
        let cluster =
            tokio::task::spawn_blocking(|| Cluster::builder().durable().start()).await??;
        let pgq = Pgq::connect(&cluster.url("postgres")).await?;
        pgq.migrate().await?;
        ledger(pgq.pool()).await?;
        let (stops, stop) = (Stops::new(), CancellationToken::new());
        let run = Run::new(Registry::new())
            .task::<crash>()
            .url(cluster.url("postgres"))
            .state(stops.clone())
            // Longer than the outage.
            .lease(Duration::from_secs(120))
            .without_signals()
            .stop_on(stop.clone());
        let running = tokio::spawn(run.into_future());
        let job = crash::job(commits).enqueue(&pgq).await?;
        stops.reached().await?;
        // A claim does not wait for the disk, and a crash may lose it; this commit does wait.
        crash::job(true)
            .delay(Duration::from_secs(3600))
            .enqueue(&pgq)
            .await?;

        let cluster = tokio::task::spawn_blocking(move || {
            let mut cluster = cluster;
            cluster.halt(Shutdown::Immediate)?;
            cluster.resume()?;
            Ok::<_, EmbeddedError>(cluster)
        })
        .await??;
        stops.passed.add_permits(10);

        job.wait_for(&pgq, DEADLINE).await?;
        assert_eq!(entries(pgq.pool()).await?, 1);
        let attempts = if commits { 1 } else { 2 };
        assert_eq!(job.job(&pgq).await?.attempt, attempts, "{commits}");
        stop.cancel();
        running.await??;
        drop(cluster);
    }
    Ok(())
}

/// Stops before its commit or after it.
#[pgq::task(name = "transaction/crash", backoff(fixed = "1ms"))]
async fn crash(ctx: &Context, pool: &PgPool, stops: &Stops, commits: bool) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    write(&mut tx, ctx.job_id()).await?;
    ctx.complete_in(&mut *tx, &()).await?;
    if !commits {
        stops.stop().await;
    }
    tx.commit().await?;
    if commits {
        stops.stop().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_job_that_a_rescue_had_to_leave_is_not_to_blame_for_being_left() -> anyhow::Result<()> {
    let database = TestDatabase::migrated().await?;
    let pool = database.pool();
    ledger(pool).await?;
    let (stops, stop) = (Stops::new(), CancellationToken::new());
    let run = worker::<slow>(&database)
        .task::<stubborn>()
        .state(stops.clone())
        .lease(Duration::from_secs(3600))
        .stop_on(stop.clone());
    let left = slow::enqueue(pool).await?;
    let other = stubborn::enqueue(pool).await?;
    let running = tokio::spawn(run.into_future());
    stops.reached().await?;
    stops.reached().await?;
    assert_eq!(rescue(pool).await?.ready, 1);
    assert_eq!(other.status(pool).await?, JobState::Ready);

    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where state = 'idle in transaction' and datname = current_database()",
    )
    .execute(pool)
    .await?;
    let driver = PostgresDriver::new(pool.clone());
    eventually("the job is left by its transaction", async || {
        Ok(driver.rescue(1).await?.ready == 1)
    })
    .await?;

    assert_eq!(left.status(pool).await?, JobState::Ready);
    stops.passed.add_permits(10);
    stop.cancel();
    Ok(running.await??)
}
