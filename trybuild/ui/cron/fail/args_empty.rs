#[pgq::cron("0 3 * * *", args())]
async fn tidy() {}

fn main() {}
