#[pgq::cron("@monthly", starts = "2026-01-02", ends = "2026-02-01")]
async fn tidy() {}

fn main() {}
