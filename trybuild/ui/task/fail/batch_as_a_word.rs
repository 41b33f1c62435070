#[pgq::task(batch)]
async fn sum(numbers: Vec<i32>) {}

fn main() {}
