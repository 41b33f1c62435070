//! Runs workers until there is nothing left to do.

use std::time::Duration;

use pgq::{Report, Run};

/// How long a run may take. Only a test that fails takes so long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Runs every job that is due, and returns once there is none.
///
/// # Errors
///
/// Fails if the run does, or if it is not idle within [`DEADLINE`].
pub async fn drain(run: Run) -> anyhow::Result<Report> {
    let report = run.until_idle().deadline(DEADLINE).await?;
    anyhow::ensure!(report.idle, "not idle within {DEADLINE:?}: {report:?}");
    Ok(report)
}
