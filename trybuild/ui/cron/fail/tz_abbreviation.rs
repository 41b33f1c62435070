#[pgq::cron("0 3 * * *", tz = "PST")]
async fn tidy() {}

fn main() {}
