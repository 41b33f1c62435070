//! Generated code needs nothing from the prelude.
#![no_implicit_prelude]

pub struct Mailer;

#[::pgq::task(queue = "mail", priority = 1, max_attempts = 2, timeout = "3s")]
async fn send(
    mailer: &Mailer,
    to: ::std::string::String,
) -> ::core::result::Result<u8, ::std::fmt::Error> {
    let _ = (mailer, to);
    ::core::result::Result::Ok(1)
}

#[::pgq::task]
async fn tidy() {}

fn main() {
    let _ = tidy::job();
    let _ = send::job(::std::string::String::new());
}
