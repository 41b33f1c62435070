//! Schedules that are made, paused, edited, triggered and deleted while workers run.
//!
//! `cargo run --example schedule_run_time`

use std::time::Duration;

use pgq::{Overlap, Schedules, When};
use pgq_examples::Database;
use tokio_util::sync::CancellationToken;

#[pgq::task]
async fn send_report(shop: u64) -> anyhow::Result<u64> {
    println!("report of shop {shop}");
    Ok(shop)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = Database::open().await?;
    let pgq = pgq::Pgq::connect(database.url()).await?;
    pgq.migrate().await?;
    let stop = CancellationToken::new();
    let worker = pgq::run().url(database.url()).stop_on(stop.clone());
    let worker = tokio::spawn(worker.into_future());

    let report = send_report::job(7)
        .schedule("report/7", When::cron_in("0 8 * * MON", "Europe/Berlin"))
        .create(&pgq)
        .await?;
    println!("next: {:?}", report.get(&pgq).await?.next.first());

    // Not on Monday, but now: a job that is no tick.
    let job = report.trigger::<u64>(&pgq).await?;
    println!("triggered: shop {}", job.wait(&pgq).await?);

    // From now on each second, and never beside the one before.
    report
        .edit()
        .when(When::every(Duration::from_secs(1)))
        .overlap(Overlap::Skip)
        .apply(&pgq)
        .await?;
    while report.runs(&pgq).await?.len() < 3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report.pause(&pgq).await?;

    for schedule in Schedules::all().list(&pgq).await?.schedules {
        let since = schedule.paused_since.is_some();
        println!(
            "{} ticks {}, paused: {since}",
            schedule.name, schedule.expression
        );
    }
    report.delete(&pgq).await?;

    stop.cancel();
    worker.await??;
    Ok(())
}
