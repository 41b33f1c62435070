#[pgq::task(priority = 10)]
async fn tidy() {}

#[pgq::task(priority = -1)]
async fn tidier() {}

fn main() {}
