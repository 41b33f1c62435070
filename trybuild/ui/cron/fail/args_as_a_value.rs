#[pgq::cron("0 3 * * *", args = 1)]
async fn tidy() {}

fn main() {}
