#[pgq::cron("0 3 * * *", args(limit = 1))]
async fn tidy() {}

fn main() {}
