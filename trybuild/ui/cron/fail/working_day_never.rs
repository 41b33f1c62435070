#[pgq::cron("0 0 31W 2 *")]
async fn tidy() {}

fn main() {}
