#[pgq::cron("")]
async fn tidy() {}

fn main() {}
