#[pgq::task]
async extern "C" fn tidy() {}

fn main() {}
