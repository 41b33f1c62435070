#[pgq::cron("0 3 * * *", jitter)]
async fn tidy() {}

fn main() {}
