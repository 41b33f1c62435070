#[pgq::task(unique(with_in = "1h"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
