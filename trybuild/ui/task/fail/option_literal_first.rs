#[pgq::task("mail")]
async fn tidy() {}

fn main() {}
