#[pgq::cron("@daily", starts = "2026-02-30")]
async fn tidy() {}

fn main() {}
