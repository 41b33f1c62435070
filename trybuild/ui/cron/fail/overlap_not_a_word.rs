#[pgq::cron("0 3 * * *", overlap = 1)]
async fn tidy() {}

fn main() {}
