#[pgq::cron("0 0 25-L * *")]
async fn tidy() {}

fn main() {}
