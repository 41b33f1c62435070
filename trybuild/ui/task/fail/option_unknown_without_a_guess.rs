#[pgq::task(colour = "red", x, y::z = 1, w(1, 2))]
async fn tidy() {}

fn main() {}
