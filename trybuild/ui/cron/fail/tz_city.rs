#[pgq::cron("0 3 * * *", tz = "Tokyo")]
async fn tidy() {}

fn main() {}
