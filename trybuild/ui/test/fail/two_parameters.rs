use pgq::testing::Harness;

#[pgq::test]
async fn greets(first: Harness, second: Harness) {}

fn main() {}
