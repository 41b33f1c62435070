#[pgq::task(batch(max = 10))]
async fn sum() {}

fn main() {}
