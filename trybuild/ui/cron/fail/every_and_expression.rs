#[pgq::cron("0 3 * * *", every = "90s")]
async fn tidy() {}

fn main() {}
