//! Enqueues jobs of schedules that somebody has requested.

use super::Scheduler;
use crate::driver::{DriverError, DriverErrorKind, Start, StoredSchedule, Ticked, Trigger};
use crate::metrics;
use crate::task::{job_of, needs_input};
use crate::worker::limited;

impl Scheduler {
    /// Enqueues the job that is requested of a schedule, if one is, for whoever does not know its task. Returns
    /// `false` if that is to be tried again, as somebody keeps locked what it needs.
    pub(super) async fn answer(&self, stored: &StoredSchedule) -> Result<bool, DriverError> {
        if stored.requested_at.is_none() {
            return Ok(true);
        }
        match limited(self.trigger(stored)).await {
            Ok(is_answered) => Ok(is_answered),
            Err(error) if error.kind() == DriverErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn trigger(&self, stored: &StoredSchedule) -> Result<bool, DriverError> {
        let StoredSchedule {
            schedule, revision, ..
        } = stored;
        let task = self.registry.task(&schedule.task);
        let mut input = Vec::new();
        if task.is_some_and(|task| needs_input(task, schedule)) {
            let Some(read) = self.input_of(&schedule.name, *revision).await? else {
                // It is not what it was when it was looked at, which is told.
                return Ok(true);
            };
            input = read;
        }
        let trigger = Trigger {
            schedule: &schedule.name,
            revision: *revision,
            requested_at: stored.requested_at,
        };
        let enqueue = job_of(task, schedule, &input, Start::Now);
        let (task, queue) = (enqueue.task.clone(), enqueue.queue.clone());
        let ticked = self.driver.trigger(trigger, enqueue).await?;
        if let Some(job) = ticked.job() {
            tracing::debug!(
                schedule = schedule.name,
                job = job.as_i64(),
                "enqueued a job of a schedule that was requested"
            );
            metrics::count_enqueued(&task, &queue, 1);
            self.hooks.enqueued(&task, &queue, &[job]);
        }
        Ok(ticked != Ticked::Locked)
    }
}
