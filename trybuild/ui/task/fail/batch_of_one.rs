#[pgq::task(batch(max = 10))]
async fn sum(number: i32) {}

fn main() {}
