//! Jobs of which one is enough: the second is skipped, refused, or takes the place of the first.
//!
//! `cargo run --example unique`

use std::time::Duration;

use pgq::{Conflict, EnqueueError};
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// One job of a shop at a time: who asks for another is given the one that is there.
#[pgq::task(unique(by = [shop]))]
async fn rebuild_index(shop: u64, reason: String) -> anyhow::Result<String> {
    Ok(format!("the index of shop {shop} is new, because {reason}"))
}

/// Debounce: each save puts off the job of its document, and the last text wins. So it runs once the
/// document has been left alone for a while.
#[pgq::task(delay = "500ms", unique(by = [document], conflict = "replace"))]
async fn preview(document: u64, text: String) -> anyhow::Result<String> {
    Ok(format!("document {document}: {text}"))
}

/// Once in an hour, whatever becomes of the job.
#[pgq::task(unique(by = [user], within = "1h", conflict = "raise"))]
async fn send_reminder(user: u64) -> anyhow::Result<()> {
    println!("reminded user {user}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;

    let first = rebuild_index::enqueue(&pgq, 7, "a price changed".to_owned()).await?;
    let second = rebuild_index::enqueue(&pgq, 7, "a name changed".to_owned()).await?;
    assert!(first.is_new() && !second.is_new());
    assert_eq!(first.id(), second.id());

    let mut saved = preview::enqueue(&pgq, 1, "D".to_owned()).await?;
    for text in ["Dear", "Dear Ada", "Dear Ada,"] {
        saved = preview::enqueue(&pgq, 1, text.to_owned()).await?;
        println!("saved {text:?}: {:?}", saved.enqueued());
    }

    let reminder = send_reminder::enqueue(&pgq, 3).await?;
    match send_reminder::enqueue(&pgq, 3).await {
        Err(EnqueueError::Conflict { job, .. }) => assert_eq!(job, Some(reminder.id())),
        other => anyhow::bail!("not refused: {other:?}"),
    }

    // A key of the enqueuer's own, in the place of parameters.
    let key = "nightly, shop 7";
    let nightly = rebuild_index::job(7, "it is night".to_owned())
        .unique(key)
        .on_conflict(Conflict::Skip)
        .enqueue(&pgq)
        .await?;

    let stop = CancellationToken::new();
    let worker = pgq::run().url(database.url()).stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());
    let patience = Duration::from_secs(30);
    println!("{}", second.wait_for(&pgq, patience).await?);
    println!("{}", nightly.wait_for(&pgq, patience).await?);
    println!("{}", saved.wait_for(&pgq, patience).await?);
    reminder.wait_for(&pgq, patience).await?;
    stop.cancel();
    worker.await??;
    Ok(())
}
