#[pgq::task(batch(max = 10))]
async fn sum(_tx: &pgq::JobTransaction, _numbers: Vec<i32>) {}

fn main() {}
