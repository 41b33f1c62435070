#[pgq::task(expires = "10m", delay = "10m")]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
