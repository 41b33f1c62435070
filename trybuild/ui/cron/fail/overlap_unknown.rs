#[pgq::cron("0 3 * * *", overlap = queue)]
async fn tidy() {}

fn main() {}
