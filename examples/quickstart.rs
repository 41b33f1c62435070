//! The first program: enqueue jobs, run them, and read their results.
//!
//! `cargo run --example quickstart`

use std::time::Duration;

use anyhow::ensure;
use pgq::JobError;
use pgq_examples::Database;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

#[derive(Serialize, Deserialize)]
struct Order {
    item: String,
    quantity: u32,
    cents: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    line: String,
    total_cents: u32,
}

/// A task: its input is what it takes, its result is what it returns.
#[pgq::task(queue = "orders", max_attempts = 1, timeout = "10s")]
async fn bill(order: Order) -> anyhow::Result<Receipt> {
    ensure!(order.quantity > 0, "nobody can order 0 × {}", order.item);
    Ok(Receipt {
        line: format!("{} × {}", order.quantity, order.item),
        total_cents: order.quantity * order.cents,
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;

    // One job.
    let tea = bill::enqueue(&pgq, order("tea", 2, 350)).await?;
    // One job with options of its own.
    let later = bill::job(order("cake", 1, 420))
        .priority(5)
        .delay(Duration::from_millis(500))
        .enqueue(&pgq)
        .await?;
    // Many jobs in one statement.
    let orders = (1..=3).map(|quantity| order("coffee", quantity, 280));
    let coffees = bill::enqueue_many(&pgq, orders).await?;
    // A job in a transaction: it is there when, and only when, the transaction commits.
    let mut transaction = pgq.pool().begin().await?;
    let committed = bill::enqueue(&mut transaction, order("water", 1, 200)).await?;
    transaction.commit().await?;
    // A job that is going to fail.
    let nothing = bill::enqueue(&pgq, order("milk", 0, 150)).await?;

    // Run every task of this program until `stop` is cancelled. A service would simply write
    // `pgq::run().await`, and enqueue elsewhere.
    let stop = CancellationToken::new();
    let worker = pgq::run().url(database.url()).stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());

    // Results are typed: `wait` returns a `Receipt`.
    for job in [tea, committed, later].into_iter().chain(coffees) {
        let Receipt { line, total_cents } = job.wait(&pgq).await?;
        println!("job {}: {line}, {total_cents} cents", job.id());
    }
    // So are failures.
    match nothing.wait(&pgq).await {
        Err(JobError::Failed {
            job,
            attempts,
            error,
        }) => {
            println!("job {job} failed in attempt {attempts}: {error}");
        }
        other => println!("unexpected: {other:?}"),
    }

    stop.cancel();
    worker.await??;
    Ok(())
}

fn order(item: &str, quantity: u32, cents: u32) -> Order {
    Order {
        item: item.to_owned(),
        quantity,
        cents,
    }
}
