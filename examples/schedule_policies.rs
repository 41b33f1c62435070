//! What becomes of ticks that come at a bad time, and the input of their jobs.
//!
//! `cargo run --example schedule_policies`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

/// How many imports to run.
const IMPORTS: u32 = 2;

#[derive(Clone, Default)]
struct Imports {
    done: Arc<AtomicU32>,
    enough: CancellationToken,
}

/// Takes longer than the second between two ticks: the ticks that come meanwhile have no job. The
/// parameter without a value is an `Option`, so it does without.
#[pgq::cron(every = "1s", overlap = skip, args(source = "shop".to_owned()))]
async fn import(imports: &Imports, source: String, limit: Option<u32>) {
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let number = imports.done.fetch_add(1, Ordering::Relaxed) + 1;
    println!("import {number} of {source}, limit {limit:?}");
    if number == IMPORTS {
        imports.enough.cancel();
    }
}

/// After an outage each hour of the last day is closed, one by one.
#[pgq::cron("0 * * * *", missed = all(within = "1d"))]
async fn close_hour() {}

/// Of no use later: after an outage the next one will do.
#[pgq::cron("*/10 * * * *", missed = skip)]
async fn greet_early_birds() {}

/// The jobs of all databases do not start at once: each waits for its part of ten minutes.
#[pgq::cron("@daily", jitter = "10m", overlap = queue_one)]
async fn clean_up() {}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let imports = Imports::default();

    pgq::run()
        .url(database.url())
        .state(imports.clone())
        .stop_on(imports.enough.clone())
        .await?;

    println!("{} imports", imports.done.load(Ordering::Relaxed));
    Ok(())
}
