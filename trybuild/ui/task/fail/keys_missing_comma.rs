#[pgq::task(rate(max = "1/s" burst = 2))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
