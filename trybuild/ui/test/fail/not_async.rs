#[pgq::test]
fn greets(harness: pgq::testing::Harness) {}

fn main() {}
