#[pgq::task(backoff(exponental = "1s"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
