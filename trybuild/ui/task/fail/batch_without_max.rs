#[pgq::task(batch(wait = "50ms"))]
async fn sum(_numbers: Vec<i32>) {}

fn main() {}
