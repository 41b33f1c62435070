#[pgq::cron(every = "500ms")]
async fn tidy() {}

fn main() {}
