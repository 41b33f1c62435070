//! What a driver tells workers to do, and to leave.

use chrono::{DateTime, Utc};

use crate::job::{JobId, JobState};
use crate::limit::FleetLimit;

/// Whose jobs can be paused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Pausable {
    /// All jobs of the queue of this name.
    Queue(String),
    /// All jobs of the task of this name, in whatever queue. A worker that knows the task by other
    /// names as well leaves the jobs that carry those, too.
    Task(String),
}

/// Something that is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What is paused.
    pub what: Pausable,
    /// When it was paused, by the clock of the storage.
    pub since: DateTime<Utc>,
}

/// What a worker is to do, as far as it is not its own decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Everything that is paused, in no order.
    pub paused: Vec<Pausable>,
    /// The limits of the fleet that are in force, in the order of what they are for.
    pub limits: Vec<FleetLimit>,
    /// Jobs that the worker is to cancel, each with the claim under which it holds the job. There may
    /// be some that it does not hold any more.
    pub cancel: Vec<(JobId, i64)>,
    /// The number of the last change of a schedule; 0 if there is none.
    pub schedules: i64,
    /// A newer version of pgq has changed the storage so that workers of this one must not go on: the worker lets its
    /// jobs end, claims nothing more, and fails with
    /// [`DriverErrorKind::SchemaNewer`](super::DriverErrorKind::SchemaNewer). Nothing else is said then.
    pub is_outdated: bool,
}

/// What cancelling a job came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It had not started, and has ended as cancelled.
    Cancelled,
    /// It runs, and its worker will end it.
    Requested,
    /// It had ended before, in this state.
    AlreadyFinished(JobState),
}
