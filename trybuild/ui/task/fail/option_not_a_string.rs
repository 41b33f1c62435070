const QUEUE: &str = "mail";

#[pgq::task(queue = QUEUE, name = 7)]
async fn tidy() {}

fn main() {}
