#[pgq::cron("0 0 * * L")]
async fn tidy() {}

fn main() {}
