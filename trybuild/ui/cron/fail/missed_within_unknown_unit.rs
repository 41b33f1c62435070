#[pgq::cron("0 3 * * *", missed = all(within = "1w"))]
async fn tidy() {}

fn main() {}
