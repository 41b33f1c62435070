#[pgq::task(priorty = 3)]
async fn tidy() {}

fn main() {}
