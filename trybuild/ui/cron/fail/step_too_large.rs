#[pgq::cron("*/90 * * * *")]
async fn tidy() {}

fn main() {}
