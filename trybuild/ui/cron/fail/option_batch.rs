#[pgq::cron("0 3 * * *", batch(max = 10))]
async fn sum(#[default] _numbers: Vec<i32>) {}

fn main() {}
