#[pgq::cron("0 3 * * *", jitter = "0s")]
async fn tidy() {}

fn main() {}
