#[pgq::task(batch)]
async fn sum(_numbers: Vec<i32>) {}

fn main() {}
