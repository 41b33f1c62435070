#[pgq::cron(every = "366d")]
async fn tidy() {}

fn main() {}
