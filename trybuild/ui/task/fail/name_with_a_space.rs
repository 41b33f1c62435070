#[pgq::task(name = "tidy up")]
async fn tidy() {}

fn main() {}
