#[pgq::task(backoff(exponential = "2h"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
