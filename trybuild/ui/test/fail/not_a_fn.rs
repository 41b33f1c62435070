#[pgq::test]
struct Greets;

fn main() {}
