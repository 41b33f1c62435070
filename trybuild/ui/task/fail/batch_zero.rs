#[pgq::task(batch(max = 0))]
async fn sum(_numbers: Vec<i32>) {}

fn main() {}
