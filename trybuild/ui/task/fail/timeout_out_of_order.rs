#[pgq::task(timeout = "30s1m")]
async fn tidy() {}

fn main() {}
