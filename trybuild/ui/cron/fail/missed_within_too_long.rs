#[pgq::cron("0 3 * * *", missed = all(within = "366d"))]
async fn tidy() {}

fn main() {}
