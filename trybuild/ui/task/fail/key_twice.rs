#[pgq::task(unique(within = "1h", within = "2h"))]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
