#[pgq::cron("0 0 FRIL * *")]
async fn tidy() {}

fn main() {}
