#[pgq::cron("0 3 * * *", missed = "skip")]
async fn tidy() {}

fn main() {}
