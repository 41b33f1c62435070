#[pgq::cron(every = "1h", tz = "Europe/Berlin")]
async fn tidy() {}

fn main() {}
