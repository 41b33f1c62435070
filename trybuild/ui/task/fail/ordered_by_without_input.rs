#[pgq::task(ordered_by = [customer])]
async fn tidy() {}

fn main() {}
