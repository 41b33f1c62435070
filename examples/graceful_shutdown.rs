//! A worker that stops without losing work: SIGTERM, Ctrl-C, or a token.
//!
//! `cargo run --example graceful_shutdown`

use std::time::Duration;

use pgq::{Context, JobState};
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// Ends soon, so a worker that drains waits for it.
#[pgq::task]
async fn short() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Takes longer than the worker waits. It is told so, and may save what it has.
#[pgq::task]
async fn long(context: &Context) -> Result<(), &'static str> {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(3600)) => Ok(()),
        () = context.cancelled().cancelled() => Err("stopped at the deadline"),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let short = short::enqueue(&pgq).await?;
    let long = long::enqueue(&pgq).await?;

    let stop = CancellationToken::new();
    let worker = pgq::run()
        .url(database.url())
        // SIGINT and SIGTERM do the same by themselves; `without_signals` turns that off.
        .stop_on(stop.clone())
        // How long running jobs may take to end. Default: 30 s.
        .drain_deadline(Duration::from_secs(2));
    let worker = tokio::spawn(worker.into_future());

    // Ask the worker to stop once both jobs run.
    while short.status(&pgq).await? == JobState::Ready
        || long.status(&pgq).await? == JobState::Ready
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("stopping");
    stop.cancel();
    worker.await??;

    // What ended in time is completed. The rest is ready for another worker, at no cost to its
    // attempts.
    let long = long.job(&pgq).await?;
    println!("short: {}", short.status(&pgq).await?);
    println!(
        "long: {}, {} attempts used of {}",
        long.state, long.attempt, long.max_attempts
    );
    Ok(())
}
