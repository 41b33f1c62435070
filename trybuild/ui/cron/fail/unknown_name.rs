#[pgq::cron("0 3 * * MOON")]
async fn tidy() {}

fn main() {}
