#[pgq::cron("0 0 * * 15W")]
async fn tidy() {}

fn main() {}
