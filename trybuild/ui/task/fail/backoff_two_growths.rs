#[pgq::task(backoff(fixed = "10s", linear = "10s"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
