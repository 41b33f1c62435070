//! Generated code does not see what the user calls by the names of the standard library.
#![allow(dead_code, non_camel_case_types)]

mod std {}
mod core {}
mod alloc {}
mod pgq {}
mod inventory {}

struct Result;
struct Option;
struct String;
struct Vec;
struct Box;
struct Future;
struct Send;
struct Task;
struct Context;
struct Input;
struct Source;
struct Self_;
struct str;
struct u8;
struct i16;
struct i64;
struct u32;
struct u64;
struct f64;
struct Backoff;
struct Conflict;
struct Unique;
trait IntoIterator {}
trait From {}
trait Iterator {}

fn Ok() {}
fn Err() {}
fn Some() {}
fn None() {}

macro_rules! line {
    () => {
        compile_error!("not this one")
    };
}
macro_rules! file {
    () => {
        compile_error!("not this one")
    };
}
macro_rules! submit {
    ($($t:tt)*) => {
        compile_error!("not this one")
    };
}

#[::pgq::task(
    queue = "mail",
    priority = 1,
    max_attempts = 2,
    timeout = "3s",
    aliases = ["old_send"],
    backoff(fixed = "1s", jitter = 0.5),
    delay = "1s",
    expires = "1h",
    unique(by = [to], conflict = "raise"),
    concurrency(max = 2, by = [to]),
    ordered_by = [copies],
    rate(max = "1/s", burst = 2),
    tags = ["mail"]
)]
async fn send(
    shared: &::std::sync::Mutex<()>,
    to: ::std::string::String,
    copies: usize,
) -> ::core::result::Result<bool, ::std::fmt::Error> {
    let _ = (shared, to, copies);
    ::core::result::Result::Ok(true)
}

fn main() {
    let _ = send::job(::std::string::String::new(), 1);
}
