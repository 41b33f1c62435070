#[pgq::task(concurrency(by = [_customer]))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
