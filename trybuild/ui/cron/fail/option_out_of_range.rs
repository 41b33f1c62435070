#[pgq::cron("0 3 * * *", priority = 10)]
async fn tidy() {}

fn main() {}
