#[pgq::task(backoff(fixed = "10s", max = "1h"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
