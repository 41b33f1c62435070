const NIGHTLY: &str = "0 3 * * *";

#[pgq::cron(NIGHTLY)]
async fn tidy() {}

#[pgq::cron(3, queue = "low")]
async fn tidier() {}

fn main() {}
