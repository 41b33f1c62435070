#[pgq::task(blocking, batch(max = 10))]
fn sum(_numbers: Vec<i32>) {}

fn main() {}
