//! What becomes of a job that fails: another attempt, or none.
//!
//! `cargo run --example retries`

use std::time::Duration;

use pgq::{Context, JobError, TaskError};
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// Any error means another attempt, up to `max_attempts`. By default they come after 1 s, 2 s, 4 s and
/// so on; this task has its own mind.
#[pgq::task(max_attempts = 3, backoff(linear = "500ms", max = "1m"))]
async fn fetch(context: &Context, url: String) -> Result<String, String> {
    println!(
        "fetch {url}: attempt {} of {}",
        context.attempt(),
        context.max_attempts()
    );
    match context.attempt() {
        1 => Err("connection refused".to_owned()),
        attempt => Ok(format!("{url} answered in attempt {attempt}")),
    }
}

/// A task that knows better says so: a permanent error is not tried again.
#[pgq::task(max_attempts = 3)]
async fn parse(number: String) -> Result<i64, TaskError> {
    number.trim().parse().map_err(TaskError::permanent)
}

/// An attempt that takes too long fails, and so does one that panics.
#[pgq::task(timeout = "200ms")]
async fn hang() {
    std::future::pending::<()>().await;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let stop = CancellationToken::new();
    let worker = pgq::run().url(database.url()).stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());

    let fetched = fetch::enqueue(&pgq, "http://example.com".to_owned()).await?;
    let parsed = parse::enqueue(&pgq, "forty-two".to_owned()).await?;
    // The enqueuer may say how many attempts a job has.
    let hung = hang::job().max_attempts(1).enqueue(&pgq).await?;

    println!("parse: {}", failure(parsed.wait(&pgq).await));
    println!("hang: {}", failure(hung.wait(&pgq).await));
    // A job that waits for its next attempt is not done yet, so this takes about half a second.
    println!(
        "fetch: {}",
        fetched.wait_for(&pgq, Duration::from_secs(30)).await?
    );

    stop.cancel();
    worker.await??;
    Ok(())
}

fn failure<T>(result: Result<T, JobError>) -> String {
    match result {
        Err(JobError::Failed {
            attempts, error, ..
        }) => {
            format!("failed after {attempts} attempt(s): {error}")
        }
        Err(other) => other.to_string(),
        Ok(_) => "completed".to_owned(),
    }
}
