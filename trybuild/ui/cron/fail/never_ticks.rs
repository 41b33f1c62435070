#[pgq::cron("0 0 30 2 *")]
async fn tidy() {}

fn main() {}
