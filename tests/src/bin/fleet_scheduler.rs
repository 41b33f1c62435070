//! A worker of the fleet that has a schedule.

use pgq_tests::fleet::worker;

/// Fires as often as a schedule can, and leaves nothing out.
#[pgq::cron("* * * * * *", missed = all(within = "1h"))]
async fn each_second() {}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    worker::run(pgq::run()).await
}
