#[pgq::task(tags = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"])]
async fn charge(_customer: u64, _cents: u64) {}

fn main() {}
