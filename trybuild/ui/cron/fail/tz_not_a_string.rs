#[pgq::cron("0 3 * * *", tz = UTC)]
async fn tidy() {}

fn main() {}
