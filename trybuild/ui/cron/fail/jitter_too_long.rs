#[pgq::cron("0 3 * * *", jitter = "2d")]
async fn tidy() {}

fn main() {}
