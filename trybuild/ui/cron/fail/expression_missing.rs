#[pgq::cron]
async fn tidy() {}

#[pgq::cron(queue = "low")]
async fn tidier() {}

fn main() {}
