#[pgq::task(timeout = 30)]
async fn tidy() {}

#[pgq::task(timeout = 30s)]
async fn tidier() {}

fn main() {}
