//! Generated code needs nothing from the prelude, nor from names that are taken.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types)]

mod std {}
mod core {}
mod pgq {}
struct Vec;
struct u8;

#[::pgq::cron("0 3 * * *")]
async fn tidy(cache: &::std::string::String) {
    let _ = cache;
}

fn main() {
    #[::pgq::cron("0 3 * * *")]
    async fn inside() {}

    let _ = tidy::job();
    let _ = inside::job();
}
