#[pgq::cron("0 3 * * *", overlap = queue_one, missed = skip)]
async fn tidy() {}

fn main() {}
