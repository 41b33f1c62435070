#[pgq::cron("0 0 31 2 *")]
async fn tidy() {}

fn main() {}
