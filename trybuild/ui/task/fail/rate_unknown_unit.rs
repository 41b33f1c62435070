#[pgq::task(rate = "100/min")]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
