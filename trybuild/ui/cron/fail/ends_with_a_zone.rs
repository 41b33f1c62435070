#[pgq::cron("@daily", ends = "2026-01-31T08:30Z")]
async fn tidy() {}

fn main() {}
