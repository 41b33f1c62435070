#[pgq::task(concurrency(max = 2, by = [_customer]), ordered_by = [_customer])]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
