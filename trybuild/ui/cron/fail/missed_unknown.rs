#[pgq::cron("0 3 * * *", missed = skipp)]
async fn tidy() {}

fn main() {}
