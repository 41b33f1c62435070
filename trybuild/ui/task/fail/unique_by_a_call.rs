#[pgq::task(unique(by = [_customer.id()]))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
