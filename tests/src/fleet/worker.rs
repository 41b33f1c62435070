//! The side of a worker: its settings, from the environment that [`Starter`] makes.
//!
//! [`Starter`]: super::process::Starter

use std::env;
use std::io;
use std::path::PathBuf;
use std::process;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use pgq::Run;

use super::ledger::Ledger;

pub(super) const URL: &str = "FLEET_URL";
pub(super) const DIRECTORY: &str = "FLEET_DIRECTORY";
pub(super) const NUMBER: &str = "FLEET_NUMBER";
pub(super) const LEASE_MS: &str = "FLEET_LEASE_MS";
pub(super) const CONCURRENCY: &str = "FLEET_CONCURRENCY";
pub(super) const DRAIN_DEADLINE_MS: &str = "FLEET_DRAIN_DEADLINE_MS";
pub(super) const RARE: &str = "FLEET_RARE";

/// Runs a worker until a signal.
///
/// # Errors
///
/// Fails if a variable is missing, or as `pgq::run()` does.
pub async fn run(run: Run) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter("pgq=info")
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
    thread::spawn(end_with_parent);
    let directory = PathBuf::from(text(DIRECTORY)?);
    let ledger = Ledger::open(&directory, number(NUMBER)?)?;
    run.url(text(URL)?)
        .state(ledger)
        .lease(Duration::from_millis(number(LEASE_MS)?))
        .concurrency(number(CONCURRENCY)?)
        .drain_deadline(Duration::from_millis(number(DRAIN_DEADLINE_MS)?))
        .await?;
    Ok(())
}

/// Ends this process when that of the test has ended, however it did.
fn end_with_parent() {
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    process::exit(1);
}

/// Whether this worker knows the task that not every worker knows.
#[must_use]
pub fn knows_rare() -> bool {
    env::var_os(RARE).is_some()
}

fn text(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| name.to_owned())
}

fn number<T>(name: &str) -> anyhow::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text(name)?.parse().with_context(|| name.to_owned())
}
