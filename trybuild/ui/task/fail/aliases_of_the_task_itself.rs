#[pgq::task(aliases = ["pay", "charge"])]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
