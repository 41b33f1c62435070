#[pgq::task(batch(max = 10, size = 10))]
async fn sum(numbers: Vec<i32>) {}

fn main() {}
