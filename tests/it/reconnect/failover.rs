use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use pgq::{CancellationToken, JobHandle, JobState, Pgq, Registry, Run};
use pgq_tests::eventually;
use pgq_tests::replicas::Replicas;

/// How many jobs are confirmed before, and after, the primary is lost.
const JOBS: usize = 50;

#[pgq::task(name = "reconnect/note")]
async fn note(number: u32) -> anyhow::Result<u32> {
    Ok(number)
}

/// Enqueues one job after the other until it is told to stop, and returns those that were confirmed.
async fn stream(pgq: Pgq, stop: Arc<AtomicBool>) -> Vec<JobHandle<u32>> {
    let mut confirmed = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match note::enqueue(&pgq, number).await {
            Ok(job) => confirmed.push(job),
            // While there is no primary.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    confirmed
}

/// How many jobs have completed on the server of this URL, which names one.
async fn completed(url: &str) -> anyhow::Result<i64> {
    let pool = sqlx::PgPool::connect(url).await?;
    let sql = "select count(*) from pgq_jobs.finished where state = 1";
    let count = sqlx::query_scalar(sql).fetch_one(&pool).await?;
    pool.close().await;
    Ok(count)
}

#[tokio::test]
async fn producers_and_workers_go_on_with_the_standby_that_takes_over() -> anyhow::Result<()> {
    let replicas = Replicas::start().await?;
    let pgq = Pgq::connect(&replicas.url()).await?;
    pgq.migrate().await?;
    let stop = CancellationToken::new();
    let run = Run::new(Registry::new())
        .task::<note>()
        .url(replicas.url())
        .without_signals()
        .stop_on(stop.clone());
    let running = tokio::spawn(run.into_future());
    let full = Arc::new(AtomicBool::new(false));
    let enqueuer = tokio::spawn(stream(pgq.clone(), Arc::clone(&full)));
    let standby = replicas.standby_url();
    let before = i64::try_from(JOBS)?;
    eventually("jobs run before", async || {
        // What is on its disk already it may not show yet: the tables, for instance.
        Ok(completed(&standby).await.is_ok_and(|jobs| jobs >= before))
    })
    .await?;

    let _replicas = replicas.fail_over().await?;

    let before = completed(&standby).await? + i64::try_from(JOBS)?;
    eventually("jobs run after", async || {
        Ok(completed(&standby).await? >= before)
    })
    .await?;
    full.store(true, Ordering::Relaxed);
    let confirmed = enqueuer.await?;
    ensure!(confirmed.len() >= 2 * JOBS, "{} confirmed", confirmed.len());
    for job in confirmed {
        eventually("each job that was confirmed completes", async || {
            Ok(job.status(&pgq).await? == JobState::Completed)
        })
        .await?;
    }
    stop.cancel();
    Ok(running.await??)
}

#[tokio::test]
async fn a_url_of_which_no_server_can_be_used_says_why_of_each() -> anyhow::Result<()> {
    let replicas = Replicas::start().await?;
    let standby = replicas.standby_url();
    let (_, standby) = standby.split_once('@').unwrap_or_default();
    // Nobody has the port 1.
    let url = format!("postgres://postgres@127.0.0.1:1,{standby}");

    let refused = Pgq::connect(&url).await.unwrap_err().to_string();

    for words in [
        "no server of the URL can be used",
        "127.0.0.1:1",
        "Connection refused",
        "cannot be written to",
        "check that one of them runs and is not a standby",
    ] {
        assert!(refused.contains(words), "no {words:?} in: {refused}");
    }
    Ok(())
}
