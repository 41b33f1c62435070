#[pgq::task(timeout = "30 sec")]
async fn tidy() {}

fn main() {}
