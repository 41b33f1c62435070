#[pgq::task(batch(max = 10))]
async fn sum(numbers: Vec<i32>, factors: Vec<i32>) {}

fn main() {}
