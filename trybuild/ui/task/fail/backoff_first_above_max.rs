#[pgq::task(backoff(linear = "10m", max = "5m"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
