#[pgq::cron("0 3 * * *", jitter = "1s", jitter = "2s")]
async fn tidy() {}

fn main() {}
