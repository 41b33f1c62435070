//! [`ScheduleDriver`].

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{DriverError, Schedule, ScheduleState, Tick, WorkerId};
use crate::job::JobId;

/// The part of a [`Driver`](super::Driver) that is for schedules: their declarations and their ticks.
#[async_trait]
pub trait ScheduleDriver {
    /// Adds the schedules that are new, with the current time as their last tick, and updates the
    /// others. One whose expression or zone has changed begins anew at the current time.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn declare_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError>;

    /// Adds the schedules that are new, with the current time as their last tick, and leaves the others
    /// as they are declared.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn add_schedules(&self, schedules: &[Schedule]) -> Result<(), DriverError>;

    /// From now on a worker keeps no schedule: others may take those that it has declared. Does nothing
    /// if it is not registered.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn stop_ticking(&self, worker: WorkerId) -> Result<(), DriverError>;

    /// Declares a schedule as this build does, if its stored declaration is still the one of the digest
    /// `seen`, and no worker lives that ticks and declares it so: nobody would. Ticks are due from its
    /// last one on, or from `since`, whichever is later. Returns whether it was declared.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn take_schedule(
        &self,
        schedule: &Schedule,
        seen: i64,
        since: DateTime<Utc>,
    ) -> Result<bool, DriverError>;

    /// Returns where the schedules of those names stand, and the storage's current time.
    ///
    /// # Errors
    ///
    /// Returns the error of the storage.
    async fn schedules(&self, names: &[String]) -> Result<ScheduleState, DriverError>;

    /// Enqueues the job of a tick, if `tick.previous` is still the last tick of its schedule;
    /// returns `None` if another worker was faster, or if the schedule was declared anew
    /// with another expression, zone, start or end.
    ///
    /// While the last job that the schedule enqueued is not finished, `tick.overlap` decides. With
    /// [`Skip`](crate::Overlap::Skip) the last tick moves and no job is enqueued, with
    /// [`QueueOne`](crate::Overlap::QueueOne) nothing happens; both return `None`. A tick whose job has
    /// a key that another one holds is as with `Skip`.
    ///
    /// # Errors
    ///
    /// On an error the tick has its job, or its last tick has not moved.
    async fn tick(&self, tick: Tick) -> Result<Option<JobId>, DriverError>;
}
