#[pgq::task(timeout = "0s")]
async fn tidy() {}

fn main() {}
