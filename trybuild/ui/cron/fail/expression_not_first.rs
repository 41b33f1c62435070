#[pgq::cron(queue = "low", "0 3 * * *")]
async fn tidy() {}

fn main() {}
