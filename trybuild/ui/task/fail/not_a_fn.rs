#[pgq::task]
struct Tidy {
    days: u8,
}

#[pgq::task]
pub const TIDY: Tidy = Tidy { days: 1 };


fn main() {}
