//! `cfg` above and below, `cfg_attr`, lints, docs and `deprecated`.
#![deny(warnings)]

#[cfg(any())]
#[pgq::task]
async fn gone(_: NoSuchType) {}

#[pgq::task]
#[cfg(any())]
async fn gone(_: NoSuchType) {}

#[cfg(not(any()))]
#[pgq::task]
#[cfg(all())]
#[cfg_attr(all(), must_use)]
/// Not gone.
async fn here() {}

#[pgq::task]
#[cfg_attr(all(), deprecated = "use `here`")]
async fn old(name: String) {
    let _ = name;
}

#[deprecated(since = "1.0.0", note = "use `here`")]
#[pgq::task]
#[doc(hidden)]
pub async fn older() {}

#[allow(deprecated)]
mod old_types {
    #[deprecated]
    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Old;
    #[deprecated]
    pub type OldError = std::fmt::Error;
}

#[pgq::task]
#[allow(deprecated)]
async fn takes_old(old: old_types::Old, also: &old_types::Old) -> Result<(), old_types::OldError> {
    let _ = (old, also);
    Ok(())
}

#[pgq::task]
#[expect(non_snake_case, reason = "tested")]
async fn Here(#[allow(unused)] Name: String) {}

fn main() {
    let _ = here::job();
    let _ = Here::job(String::new());
    #[allow(deprecated)]
    let _ = (old::job(String::new()), older::job(), takes_old::job(old_types::Old));
}
