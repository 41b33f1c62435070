#[pgq::cron("0 0 32W * *")]
async fn tidy() {}

fn main() {}
