//! How many jobs start in a time, in all workers together.
//!
//! `cargo run --example rate_limit`

use std::time::{Duration, Instant};

use pgq::Rate;
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// What the other side allows. After a time without any, three may start at once.
#[pgq::task(rate(max = "10/s", burst = 3))]
async fn geocode(address: String) {
    println!("look up {address}");
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = database.connect().await?;
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..2)
        .map(|_| pgq::run().url(database.url()).stop_on(stop.clone()))
        .map(|worker| tokio::spawn(worker.into_future()))
        .collect();

    let addresses = |street: &str| (1..=13).map(|house| format!("{house} {street}")).collect();
    let addresses: [Vec<String>; 2] = [addresses("Main Street"), addresses("Station Road")];
    for (addresses, rate) in addresses.into_iter().zip([None, Some(50)]) {
        // The other side allows more at night.
        let rate = rate.map(|max| Rate::new(max, Duration::from_secs(1)));
        pgq.rate_task("geocode", rate).await?;
        let began = Instant::now();
        for job in geocode::enqueue_many(&pgq, addresses).await? {
            job.wait(&pgq).await?;
        }
        println!("13 addresses in {:.1?}", began.elapsed());
    }

    stop.cancel();
    for worker in workers {
        worker.await??;
    }
    Ok(())
}
