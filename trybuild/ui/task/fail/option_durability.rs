#[pgq::task(durability = "fast")]
async fn warm_up(page: u64) {}

fn main() {}
