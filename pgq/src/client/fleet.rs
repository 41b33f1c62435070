//! Looking at the fleet.

use super::Reader;
use crate::driver::{DriverError, WorkerState};

/// Lists the workers that hold leases, those first that started first: where they run, what they were
/// built from, and how much they had to do at their last heartbeat.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), pgq::driver::DriverError> {
/// for worker in pgq::workers(&pool).await? {
///     println!(
///         "{} on {}: {} of {} jobs, {} tasks",
///         worker.id,
///         worker.host,
///         worker.running,
///         worker.concurrency,
///         worker.build.tasks.len(),
///     );
/// }
/// # Ok(())
/// # }
/// ```
///
/// The view `fleet` shows the same to people.
///
/// # Errors
///
/// Returns the error of the storage.
///
/// # Cancel safety
///
/// Cancel safe: the call only looks.
pub async fn workers(reader: impl Reader) -> Result<Vec<WorkerState>, DriverError> {
    reader.driver().workers().await
}
