#[pgq::task(delay = "40000d")]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
