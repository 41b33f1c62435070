#[pgq::task(batch(max = 10, size = 10))]
async fn sum(_numbers: Vec<i32>) {}

fn main() {}
