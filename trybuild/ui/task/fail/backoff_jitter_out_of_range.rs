#[pgq::task(backoff(fixed = "10s", jitter = 1.5))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
