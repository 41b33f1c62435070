#[pgq::cron(every = "1s500ms")]
async fn tidy() {}

fn main() {}
