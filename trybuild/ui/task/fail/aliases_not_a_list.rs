#[pgq::task(aliases = "old")]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
