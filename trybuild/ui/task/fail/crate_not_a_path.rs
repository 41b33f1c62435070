#[pgq::task(crate = 1)]
async fn tidy() {}

#[pgq::task(crate = "not a path")]
async fn tidier() {}

fn main() {}
