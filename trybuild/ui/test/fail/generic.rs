use pgq::testing::Fixture;

#[pgq::test]
async fn greets<T: Fixture>(fixture: T) {}

fn main() {}
