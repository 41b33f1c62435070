#[pgq::cron("0 3 * * *", que = "low")]
async fn tidy() {}

fn main() {}
