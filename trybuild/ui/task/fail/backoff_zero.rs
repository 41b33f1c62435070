#[pgq::task(backoff(fixed = "0s"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
