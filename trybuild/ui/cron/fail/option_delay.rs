#[pgq::cron("0 3 * * *", delay = "10m")]
async fn tidy() {}

fn main() {}
