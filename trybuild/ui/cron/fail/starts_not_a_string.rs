#[pgq::cron("@daily", starts = 2026)]
async fn tidy() {}

fn main() {}
