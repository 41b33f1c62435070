#[pgq::cron(every = "0s")]
async fn tidy() {}

fn main() {}
