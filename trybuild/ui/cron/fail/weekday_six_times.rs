#[pgq::cron("0 0 * * MON#6")]
async fn tidy() {}

fn main() {}
