#[pgq::task(queue, timeout("30s"))]
async fn tidy() {}

fn main() {}
