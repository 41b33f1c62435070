#[pgq::task]
async fn send(_: String) {}

fn main() {}
