#[pgq::task(unique = true)]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
