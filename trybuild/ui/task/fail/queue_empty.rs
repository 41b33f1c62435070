#[pgq::task(queue = "")]
async fn tidy() {}

fn main() {}
