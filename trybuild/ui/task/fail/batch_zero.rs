#[pgq::task(batch(max = 0))]
async fn sum(numbers: Vec<i32>) {}

fn main() {}
