#[pgq::task(batch(max = 10))]
async fn sum(_number: i32) {}

fn main() {}
