#[pgq::test]
async fn greets() {}

fn main() {}
