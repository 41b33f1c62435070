#[pgq::task(batch(wait = "50ms"))]
async fn sum(numbers: Vec<i32>) {}

fn main() {}
