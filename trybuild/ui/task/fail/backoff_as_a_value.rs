#[pgq::task(backoff = "10s")]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
