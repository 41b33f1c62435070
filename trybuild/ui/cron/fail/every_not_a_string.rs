#[pgq::cron(every = 90)]
async fn tidy() {}

fn main() {}
