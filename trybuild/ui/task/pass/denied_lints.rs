//! Generated code causes no warning and needs no unsafe code.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused,
    unused_qualifications,
    unused_results,
    unused_lifetimes,
    unnameable_types,
    rust_2018_idioms,
    future_incompatible,
    nonstandard_style,
    single_use_lifetimes,
    elided_lifetimes_in_paths,
    let_underscore_drop,
    trivial_casts,
    unit_bindings,
    unused_import_braces,
    variant_size_differences,
    private_interfaces,
    private_bounds
)]
#![forbid(unsafe_code)]

/// Shared.
#[derive(Debug)]
pub struct Mailer;

/// Sends.
///
/// # Errors
///
/// Never.
#[pgq::task(
    queue = "mail",
    timeout = "1h",
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
pub async fn send(mailer: &Mailer, to: String, copies: u8) -> Result<String, std::fmt::Error> {
    let _ = (mailer, copies);
    Ok(to)
}

/// Does nothing.
#[pgq::task]
pub async fn tidy() {}

#[pgq::task]
async fn never_enqueued_or_called() {}

#[pgq::task]
pub(crate) async fn seen_by_the_crate(mut id: u64) {
    id += 1;
    let _ = id;
}

#[pgq::task]
#[allow(non_snake_case)]
async fn NotSnakeCase(NorThis: u64) {
    let _ = NorThis;
}

/// Is registered by hand.
#[pgq::task(register = false)]
pub async fn by_hand() {}

fn main() {}
