#[pgq::task(batch(max = 10))]
async fn sum(_numbers: Vec<i32>, _factors: Vec<i32>) {}

fn main() {}
