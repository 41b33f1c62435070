#[pgq::cron("0 3 * * *")]
fn tidy() {}

fn main() {}
