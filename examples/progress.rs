//! A task that says how far it is, and somebody who watches.
//!
//! `cargo run --example progress`

use std::time::Duration;

use pgq::Context;
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// Reports each of its steps; about once a second the latest one is written.
#[pgq::task]
async fn import(ctx: &Context, rows: u64) -> anyhow::Result<()> {
    for row in 0..rows {
        ctx.progress(row, rows, format!("row {row}"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ctx.progress(rows, rows, "done");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let stop = CancellationToken::new();
    let worker = pgq::run().url(database.url()).stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());

    let job = import::enqueue(&pgq, 60).await?;
    while !job.status(&pgq).await?.is_finished() {
        if let Some(now) = job.progress(&pgq).await? {
            println!("{} of {}: {}", now.done, now.total, now.message);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let last = job.progress(&pgq).await?;
    println!("{}", last.map_or_else(String::new, |last| last.message));

    stop.cancel();
    worker.await??;
    Ok(())
}
