//! Generated code needs nothing from the prelude, nor from names that are taken.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types)]

mod std {}
mod core {}
mod pgq {}
struct Vec;
struct u8;
enum Missed {}
enum Timing {}

#[::pgq::cron(
    "0 3 * * *",
    tz = "UTC",
    missed = all(within = "1h"),
    overlap = skip,
    jitter = "1s",
    args(days = 7)
)]
async fn tidy(cache: &::std::string::String, days: i32) {
    let _ = (cache, days);
}

fn main() {
    #[::pgq::cron("0 3 * * *")]
    async fn inside() {}

    let _ = tidy::job(1);
    let _ = inside::job();
}
