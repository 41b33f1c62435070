#[pgq::task(rate = 100)]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
