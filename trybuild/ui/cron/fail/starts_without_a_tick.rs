#[pgq::cron("@yearly", starts = "2100-06-01")]
async fn tidy() {}

fn main() {}
