#[pgq::task(durability = "fast")]
async fn warm_up() {}

fn main() {}
