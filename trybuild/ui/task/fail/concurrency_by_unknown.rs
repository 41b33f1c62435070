#[pgq::task(concurrency(max = 2, by = [custmer]))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
