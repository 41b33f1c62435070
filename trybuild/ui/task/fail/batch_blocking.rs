#[pgq::task(blocking, batch(max = 10))]
fn sum(numbers: Vec<i32>) {}

fn main() {}
