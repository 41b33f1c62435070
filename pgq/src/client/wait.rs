//! Waiting for several jobs.

use std::time::Duration;

use futures_util::future::{join_all, select_all};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{JobError, JobHandle, Reader};

/// Waits until each of the jobs has ended, and returns what became of them, in their order.
///
/// However many wait, on one database a process has one connection for it.
///
/// # Cancel safety
///
/// Cancel safe: the call only looks.
pub async fn wait_all<T: DeserializeOwned>(
    reader: impl Reader,
    jobs: impl IntoIterator<Item = JobHandle<T>>,
) -> Vec<Result<T, JobError>> {
    wait_all_until(reader, jobs, None).await
}

/// Like [`wait_all`], at most for `timeout`: those that have not ended by then are
/// [`JobError::DeadlineExceeded`].
///
/// # Cancel safety
///
/// Cancel safe: the call only looks.
pub async fn wait_all_for<T: DeserializeOwned>(
    reader: impl Reader,
    jobs: impl IntoIterator<Item = JobHandle<T>>,
    timeout: Duration,
) -> Vec<Result<T, JobError>> {
    // None is so far away that it never comes.
    wait_all_until(reader, jobs, Instant::now().checked_add(timeout)).await
}

async fn wait_all_until<T: DeserializeOwned>(
    reader: impl Reader,
    jobs: impl IntoIterator<Item = JobHandle<T>>,
    deadline: Option<Instant>,
) -> Vec<Result<T, JobError>> {
    let (driver, jobs) = (reader.driver(), jobs.into_iter().collect::<Vec<_>>());
    join_all(jobs.iter().map(|job| job.wait_until(&driver, deadline))).await
}

/// Waits until one of the jobs has ended; returns its place among them, and what became of it. `None`
/// if there are no jobs.
///
/// # Cancel safety
///
/// Cancel safe: the call only looks.
pub async fn wait_any<T: DeserializeOwned>(
    reader: impl Reader,
    jobs: impl IntoIterator<Item = JobHandle<T>>,
) -> Option<(usize, Result<T, JobError>)> {
    let (driver, jobs) = (reader.driver(), jobs.into_iter().collect::<Vec<_>>());
    if jobs.is_empty() {
        return None;
    }
    let waits = jobs
        .iter()
        .map(|job| Box::pin(job.wait_until(&driver, None)));
    let (result, place, _) = select_all(waits).await;
    Some((place, result))
}
