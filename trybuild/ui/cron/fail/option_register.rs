#[pgq::cron("0 3 * * *", register = false)]
async fn tidy() {}

fn main() {}
