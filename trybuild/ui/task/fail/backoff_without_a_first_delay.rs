#[pgq::task(backoff(max = "1h", jitter = 0.1))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
