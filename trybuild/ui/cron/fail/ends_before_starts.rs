#[pgq::cron("@daily", starts = "2026-02-01", ends = "2026-01-01")]
async fn tidy() {}

fn main() {}
