//! [`ScheduleError`].

use std::time::Duration;

use crate::client::EnqueueError;
use crate::driver::DriverError;
use crate::job::DecodeError;

/// Why a schedule was not made, or not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// Its name is not one. Nothing was sent.
    #[error("the schedule `{schedule}` cannot be made: its name {problem}")]
    Name {
        /// The name.
        schedule: String,
        /// What a name must be.
        problem: String,
    },
    /// Its expression, time zone, interval, start or end is not one, or it would never tick. Nothing was
    /// sent.
    #[error("the schedule `{schedule}` cannot tick: {problem}")]
    When {
        /// The name of the schedule.
        schedule: String,
        /// What is wrong.
        problem: String,
    },
    /// What is to become of its ticks contradicts itself, or is out of range. Nothing was sent.
    #[error("the schedule `{schedule}` is not possible: {problem}")]
    Policy {
        /// The name of the schedule.
        schedule: String,
        /// What is wrong.
        problem: String,
    },
    /// Its jobs could not be enqueued. Nothing was sent.
    #[error("the jobs of the schedule `{schedule}` are not possible")]
    Job {
        /// The name of the schedule.
        schedule: String,
        /// Why.
        source: EnqueueError,
    },
    /// An option of its jobs is out of range, or their input cannot be written. Nothing was sent.
    #[error("the jobs of the schedule `{schedule}` are not possible: {problem}")]
    Options {
        /// The name of the schedule.
        schedule: String,
        /// Which option, and what is allowed.
        problem: String,
    },
    /// The task is known here, and cannot read the input. Nothing was sent.
    #[error("task `{task}` cannot read the input of the schedule `{schedule}`")]
    Input {
        /// The name of the schedule.
        schedule: String,
        /// The name of the task.
        task: String,
        /// What the decoder says.
        source: DecodeError,
    },
    /// Neither this program nor a worker that lives, and ticks, knows the task.
    #[error(
        "no worker that lives knows the task `{task}` of the schedule `{schedule}`, and neither does \
         this program; correct its name, start a worker that knows it, or say `allow_unknown_task`"
    )]
    UnknownTask {
        /// The name of the schedule.
        schedule: String,
        /// The name of the task.
        task: String,
    },
    /// A worker has read the input, or this program has, and its task does not take it. Nothing was changed.
    #[error(
        "the schedule `{schedule}` is not {change}, because its task `{task}` does not take its input: {problem}"
    )]
    Unfit {
        /// The name of the schedule.
        schedule: String,
        /// The name of the task.
        task: String,
        /// What was to become of it.
        change: &'static str,
        /// What the worker says.
        problem: String,
    },
    /// No worker has read the input in time. Nothing was changed.
    #[error(
        "the schedule `{schedule}` is not {change}, because no worker has read its input within {within:?}; \
         look whether one runs that knows the task `{task}`, and try again"
    )]
    Unchecked {
        /// The name of the schedule.
        schedule: String,
        /// The name of the task.
        task: String,
        /// What was to become of it.
        change: &'static str,
        /// How long it was waited for.
        within: Duration,
    },
    /// The schedule leaves to its task what its jobs are, and this program does not know the task, so it can
    /// enqueue none of them.
    #[error(
        "the jobs of the schedule `{schedule}` are those of its task `{task}`, which this program does not \
         know: {instead}"
    )]
    NeedsTask {
        /// The name of the schedule.
        schedule: String,
        /// The name of the task.
        task: String,
        /// What can be done.
        instead: &'static str,
    },
    /// There is a schedule of this name.
    #[error("there is a schedule named `{schedule}`; edit it, or choose another name")]
    Taken {
        /// The name.
        schedule: String,
    },
    /// There is no schedule of this name.
    #[error("there is no schedule named `{schedule}`")]
    NotFound {
        /// The name.
        schedule: String,
    },
    /// The code of a worker declares the schedule, so it is changed there.
    #[error(
        "the schedule `{schedule}` cannot be {change}, because code declares it: change the \
         `#[pgq::cron]` of task `{task}`, or pause the schedule"
    )]
    Declared {
        /// The name of the schedule.
        schedule: String,
        /// The name of its task.
        task: String,
        /// What was to become of it.
        change: &'static str,
    },
    /// The schedule was changed by others each time that it was looked at, or somebody kept it, or a key of
    /// its job, locked.
    #[error("others change the schedule `{schedule}`, or keep it locked; try again")]
    Contended {
        /// The name of the schedule.
        schedule: String,
    },
    /// The job was not enqueued, because it is unique and there is one that is the same.
    #[error("the schedule `{schedule}` was not triggered: a job of its task is the same")]
    Conflict {
        /// The name of the schedule.
        schedule: String,
    },
    /// The storage failed. A change may have taken effect.
    #[error("the schedule `{schedule}` could not be {change}")]
    Driver {
        /// The name of the schedule.
        schedule: String,
        /// What was to become of it.
        change: &'static str,
        /// The error of the storage.
        source: DriverError,
    },
}
