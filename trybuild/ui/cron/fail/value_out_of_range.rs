#[pgq::cron("0 25 * * *")]
async fn tidy() {}

fn main() {}
