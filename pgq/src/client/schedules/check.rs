//! Whether a worker takes the input of a schedule that was made, or changed, by a program that does not know
//! its task.

use std::time::{Duration, Instant};

use super::{ScheduleError, ScheduleHandle};
use crate::driver::{Driver, StoredSchedule};

/// For how long a worker is waited for unless another time is set.
pub(super) const CHECK_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked whether one has read the input.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What workers make of the input.
pub(super) struct Answer {
    /// Why the schedule is not to stay; `None` if its input is taken.
    pub(super) refusal: Option<ScheduleError>,
    /// Of which version this is the answer.
    pub(super) revision: i64,
}

/// Waits until a worker has read the input. `change` is what becomes of the schedule if one takes it.
pub(super) async fn answer(
    handle: &ScheduleHandle,
    driver: &dyn Driver,
    change: &'static str,
    within: Duration,
) -> Result<Answer, ScheduleError> {
    let began = Instant::now();
    loop {
        let (stored, _) = handle.read(driver).await?;
        let refusal = match &stored.problem {
            _ if is_taken(&stored) => None,
            Some(problem) => Some(ScheduleError::Unfit {
                schedule: stored.schedule.name,
                task: stored.schedule.task,
                change,
                problem: problem.clone(),
            }),
            None if began.elapsed() >= within => Some(ScheduleError::Unchecked {
                schedule: stored.schedule.name,
                task: stored.schedule.task,
                change,
                within,
            }),
            None => {
                tokio::time::sleep(LOOK_EVERY.min(within)).await;
                continue;
            }
        };
        let revision = stored.revision;
        return Ok(Answer { refusal, revision });
    }
}

/// Whether a program has read the input that knows the task: a worker, or the one that has made the schedule.
pub(super) fn is_taken(stored: &StoredSchedule) -> bool {
    !stored.made || stored.schedule.template.fingerprint.is_some() || !stored.takes.is_empty()
}

/// Whether a worker lives that knows the task.
pub(super) async fn is_known(
    handle: &ScheduleHandle,
    driver: &dyn Driver,
    task: &str,
    change: &'static str,
) -> Result<bool, ScheduleError> {
    let workers = driver.workers().await;
    let workers = workers.map_err(|source| handle.failed(change, source))?;
    let mut alive = workers.iter().filter(|worker| worker.is_alive);
    Ok(alive.any(|worker| worker.build.knows(task)))
}

/// That nobody knows the task of a schedule.
pub(super) fn unknown_task(handle: &ScheduleHandle, task: &str) -> ScheduleError {
    ScheduleError::UnknownTask {
        schedule: handle.name().to_owned(),
        task: task.to_owned(),
    }
}
