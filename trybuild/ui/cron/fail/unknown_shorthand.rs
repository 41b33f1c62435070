#[pgq::cron("@nightly")]
async fn tidy() {}

fn main() {}
