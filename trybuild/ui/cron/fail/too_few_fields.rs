#[pgq::cron("0 3 * *")]
async fn tidy() {}

fn main() {}
