#[pgq::cron("0 3 * * *", missed = all)]
async fn tidy() {}

fn main() {}
