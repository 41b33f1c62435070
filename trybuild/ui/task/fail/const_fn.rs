#[pgq::task]
const fn tidy() {}

fn main() {}
