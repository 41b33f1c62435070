#[pgq::cron("0 3 * * *", tz = "Europe/Berln")]
async fn tidy() {}

fn main() {}
