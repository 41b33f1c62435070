#[pgq::task(timeout = "30")]
async fn tidy() {}

fn main() {}
