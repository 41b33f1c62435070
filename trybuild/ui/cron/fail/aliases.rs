#[pgq::cron("0 3 * * *", aliases = ["report"])]
async fn nightly() {}

fn main() {}
