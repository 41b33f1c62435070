#[pgq::task(priority = "high")]
async fn tidy() {}

fn main() {}
