#[pgq::task(queue = "a", priority = 3, queue = "b")]
async fn tidy() {}

fn main() {}
