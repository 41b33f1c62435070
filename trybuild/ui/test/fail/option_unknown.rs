#[pgq::test(threads = 2)]
async fn greets(harness: pgq::testing::Harness) {}

fn main() {}
