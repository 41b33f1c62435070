#[pgq::task(ordered_by = [_customer, _customer])]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
