//! Generated code needs nothing from the prelude.
#![no_implicit_prelude]

pub struct Mailer;

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
    ordered_by = [to, copies],
    rate(max = "1/s", burst = 2),
    tags = ["mail"]
)]
async fn send(
    mailer: &Mailer,
    to: ::std::string::String,
    copies: u8,
) -> ::core::result::Result<u8, ::std::fmt::Error> {
    let _ = (mailer, to, copies);
    ::core::result::Result::Ok(1)
}

#[::pgq::task]
async fn tidy() {}

fn main() {
    let _ = tidy::job();
    let _ = send::job(::std::string::String::new(), 1);
}
