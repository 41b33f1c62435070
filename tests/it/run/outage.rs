//! A database that goes away under a worker.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgq::embedded::{Cluster, Shutdown};
use pgq::{CancellationToken, Context, Pgq, Registry, Run};
use pgq_tests::eventually;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Runs until it is allowed to end.
#[pgq::task]
async fn hold(gate: &Arc<Semaphore>, started: &Started) -> anyhow::Result<u32> {
    started.0.add_permits(1);
    gate.acquire().await?.forget();
    started.0.add_permits(1);
    Ok(7)
}

/// Counts the attempts that have started, and those that have ended.
#[derive(Clone)]
struct Started(Arc<Semaphore>);

impl Started {
    async fn wait(&self, count: u32) -> anyhow::Result<()> {
        let counted = timeout(super::DEADLINE, self.0.acquire_many(count)).await;
        counted.context("no attempt began or ended")??.forget();
        Ok(())
    }
}

async fn cluster() -> anyhow::Result<Cluster> {
    Ok(tokio::task::spawn_blocking(|| Cluster::builder().durable().start()).await??)
}

async fn halt(mut cluster: Cluster) -> anyhow::Result<Cluster> {
    tokio::task::spawn_blocking(move || {
        cluster.halt(Shutdown::Immediate)?;
        Ok(cluster)
    })
    .await?
}

async fn resume(mut cluster: Cluster) -> anyhow::Result<Cluster> {
    tokio::task::spawn_blocking(move || {
        cluster.resume()?;
        Ok(cluster)
    })
    .await?
}

#[tokio::test]
async fn a_job_that_ends_during_an_outage_completes_after_it() -> anyhow::Result<()> {
    let cluster = cluster().await?;
    let pgq = Pgq::connect(&cluster.url("postgres")).await?;
    pgq.migrate().await?;
    let (gate, started) = (
        Arc::new(Semaphore::new(0)),
        Started(Arc::new(Semaphore::new(0))),
    );
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<hold>()
        .url(cluster.url("postgres"))
        .state(Arc::clone(&gate))
        .state(started.clone())
        // Longer than the outage: the worker must not give its job up.
        .lease(Duration::from_secs(120))
        .without_signals()
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let job = hold::enqueue(&pgq).await?;
    started.wait(1).await?;
    // A claim does not wait for the disk, and a crash may lose it; this commit does wait.
    hold::job()
        .delay(Duration::from_secs(3600))
        .enqueue(&pgq)
        .await?;

    let cluster = halt(cluster).await?;
    gate.add_permits(1);
    started.wait(1).await?;
    let _cluster = resume(cluster).await?;

    eventually("the job has completed", || async {
        let state = job.status(&pgq).await;
        Ok(state.is_ok_and(|state| state == pgq::JobState::Completed))
    })
    .await?;
    let stored = job.job(&pgq).await?;
    assert_eq!(
        (stored.attempt, stored.deliveries, stored.deaths),
        (1, 1, 0)
    );
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_job_whose_claim_was_lost_in_a_crash_runs_again() -> anyhow::Result<()> {
    let cluster = cluster().await?;
    let pgq = Pgq::connect(&cluster.url("postgres")).await?;
    pgq.migrate().await?;
    let (gate, started) = (
        Arc::new(Semaphore::new(0)),
        Started(Arc::new(Semaphore::new(0))),
    );
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<hold>()
        .url(cluster.url("postgres"))
        .state(Arc::clone(&gate))
        .state(started.clone())
        .lease(Duration::from_secs(120))
        .without_signals()
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let job = hold::enqueue(&pgq).await?;
    started.wait(1).await?;
    // What the server had not yet written is what the crash takes.
    let lost = sqlx::query("update pgq_jobs.running set claim = claim + 1000").execute(pgq.pool());
    assert_eq!(lost.await?.rows_affected(), 1);

    let cluster = halt(cluster).await?;
    let _cluster = resume(cluster).await?;

    // The worker finds that it does not hold what it runs, and gives back what it does not know.
    started.wait(1).await?;
    gate.add_permits(1);
    assert_eq!(job.wait_for(&pgq, super::DEADLINE).await?, 7);
    let stored = job.job(&pgq).await?;
    assert_eq!(
        (stored.attempt, stored.deliveries, stored.deaths),
        (1, 2, 0)
    );
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_worker_stops_although_the_database_is_gone() -> anyhow::Result<()> {
    let cluster = cluster().await?;
    let pgq = Pgq::connect(&cluster.url("postgres")).await?;
    pgq.migrate().await?;
    let started = Started(Arc::new(Semaphore::new(0)));
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<hold>()
        .url(cluster.url("postgres"))
        .state(Arc::new(Semaphore::new(0)))
        .state(started.clone())
        .drain_deadline(Duration::from_millis(100))
        .without_signals()
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    hold::enqueue_many(&pgq, [(); 5]).await?;
    started.wait(5).await?;

    let _cluster = halt(cluster).await?;
    stop.cancel();
    let ended = timeout(Duration::from_secs(30), running).await;

    assert!(ended.is_ok(), "it hangs");
    Ok(ended???)
}

/// As [`hold`], with another job that follows.
#[pgq::task]
async fn hold_and_follow(
    context: &Context,
    gate: &Arc<Semaphore>,
    started: &Started,
    _kept: &Arc<Kept>,
) -> anyhow::Result<()> {
    context.then(hold::job())?;
    started.0.add_permits(1);
    gate.acquire().await?.forget();
    started.0.add_permits(1);
    Ok(())
}

/// Is shared by all that is left of a worker.
struct Kept;

#[tokio::test]
async fn nothing_waits_for_the_database_when_the_worker_has_stopped() -> anyhow::Result<()> {
    let cluster = cluster().await?;
    let pgq = Pgq::connect(&cluster.url("postgres")).await?;
    pgq.migrate().await?;
    let started = Started(Arc::new(Semaphore::new(0)));
    let (gate, kept) = (Arc::new(Semaphore::new(0)), Arc::new(Kept));
    let run = Run::new(Registry::new())
        .task::<hold_and_follow>()
        .url(cluster.url("postgres"))
        .state(Arc::clone(&gate))
        .state(started.clone())
        .state(Arc::clone(&kept))
        .drain_deadline(Duration::from_millis(100))
        .without_signals();
    let handle = run.handle();
    let running = tokio::spawn(run.into_future());
    hold_and_follow::enqueue(&pgq).await?;
    started.wait(1).await?;

    // It has returned, and its job is to be completed together with the one that follows.
    let _cluster = halt(cluster).await?;
    gate.add_permits(1);
    started.wait(1).await?;
    handle.drain();
    running.await??;

    eventually("nothing of the worker is left", || async {
        Ok(Arc::strong_count(&kept) == 1)
    })
    .await
}
