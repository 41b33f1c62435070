#[pgq::task(name = "")]
async fn tidy() {}

fn main() {}
