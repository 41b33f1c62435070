#[pgq::task(rate = "0/m")]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
