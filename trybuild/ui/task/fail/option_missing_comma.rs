#[pgq::task(queue = "mail" priority = 3, timeout = , max_attempts = 0)]
async fn tidy() {}

fn main() {}
