#[pgq::task]
async unsafe fn tidy() {}

fn main() {}
