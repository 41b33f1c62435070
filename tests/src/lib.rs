//! Fixtures of the integration tests.

pub mod audit;
pub mod clients;
pub mod database;
pub mod drain;
pub mod fleet;
pub mod gate;
pub mod history;
pub mod mutations;
pub mod pooler;
mod proxy;
pub mod replicas;
pub mod subscriber;
pub mod wire;

/// The manual of `#[pgq::test]`, whose examples need a driver.
#[cfg(doctest)]
#[doc = include_str!("../../pgq-macros/docs/test.md")]
mod manual {}

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a condition may take to come true. Only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Asks again and again until the answer is `true`.
///
/// # Errors
///
/// Fails if it is not within [`PATIENCE`]; `what` says what did not come true.
pub async fn eventually<F>(what: &str, ask: impl Fn() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<bool>>,
{
    let deadline = Instant::now() + PATIENCE;
    while !ask().await? {
        anyhow::ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
