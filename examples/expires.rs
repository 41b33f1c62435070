//! A job that is of no use if it starts too late.
//!
//! `cargo run --example expires`

use std::time::Duration;

use pgq::{Context, JobError};
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// Nobody waits for a login code for an hour.
#[pgq::task(expires = "15m")]
async fn send_login_code(context: &Context, user: u64) -> anyhow::Result<u64> {
    println!("a code for user {user}, before {:?}", context.expires_at());
    Ok(user)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;

    // No worker runs yet. One of the jobs is in more of a hurry than its task says.
    let patient = send_login_code::enqueue(&pgq, 1).await?;
    let hasty = send_login_code::job(2)
        .expires_in(Duration::from_millis(1))
        .enqueue(&pgq)
        .await?;
    tokio::time::sleep(Duration::from_millis(10)).await;

    let stop = CancellationToken::new();
    let worker = pgq::run().url(database.url()).stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());
    let patience = Duration::from_secs(30);
    assert_eq!(patient.wait_for(&pgq, patience).await?, 1);
    match hasty.wait_for(&pgq, patience).await {
        Err(error @ JobError::Expired { .. }) => println!("{error}"),
        other => anyhow::bail!("it did not expire: {other:?}"),
    }
    stop.cancel();
    worker.await??;
    Ok(())
}
