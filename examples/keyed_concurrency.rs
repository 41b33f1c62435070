//! Limits of the whole fleet: of a task, of each of its keys, and the order of the jobs of a key.
//!
//! `cargo run --example keyed_concurrency`

use std::time::Duration;

use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// However many workers there are, no more than three run at once.
#[pgq::task(concurrency = 3)]
async fn render(page: u32) {
    println!("render page {page}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Each customer has two at once. A customer with many jobs does not hold up the others.
#[pgq::task(concurrency(max = 2, by = [customer]))]
async fn export(customer: String, year: u32) {
    println!("export {year} of {customer}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// The entries of an account are booked one after the other, in their order. If one fails, the next
/// waits until it has been tried again.
#[pgq::task(ordered_by = [account])]
async fn book(account: String, cents: i64) {
    println!("book {cents:+} cents on the account of {account}");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let stop = CancellationToken::new();
    // Two workers, as if they were two processes.
    let workers: Vec<_> = (0..2)
        .map(|_| pgq::run().url(database.url()).stop_on(stop.clone()))
        .map(|worker| tokio::spawn(worker.into_future()))
        .collect();

    let mut jobs = render::enqueue_many(&pgq, 1..=6).await?;
    for year in 2021..=2024 {
        jobs.push(export::enqueue(&pgq, "ada".to_owned(), year).await?);
    }
    jobs.push(export::enqueue(&pgq, "bob".to_owned(), 2024).await?);
    for cents in [1000, -250, -99] {
        jobs.push(book::enqueue(&pgq, "ada".to_owned(), cents).await?);
        jobs.push(book::enqueue(&pgq, "bob".to_owned(), cents).await?);
    }

    for job in &jobs {
        job.wait(&pgq).await?;
    }
    // The limit of a task can be changed while it runs.
    pgq.limit_task("render", 1).await?;
    println!("in force: {:?}", pgq.limits().await?);

    stop.cancel();
    for worker in workers {
        worker.await??;
    }
    Ok(())
}
