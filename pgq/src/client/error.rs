//! Why a job was not enqueued, or has no result.

use std::time::Duration;

use crate::driver::DriverError;
use crate::job::{DecodeError, EncodeError, INPUT_MAX, JobId, JobState};

/// Why jobs were not enqueued. None of them was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The input cannot be written.
    #[error("failed to encode the input of task `{task}`")]
    Encode {
        /// The name of the task.
        task: &'static str,
        /// What the encoder says.
        source: EncodeError,
    },
    /// The input is larger than the limit. Nothing was sent, so an open transaction is unharmed.
    #[error(
        "the input of task `{task}` has {size} bytes, but at most {limit} are allowed; store the \
         data elsewhere and enqueue a reference to it{}", or_raise(*limit)
    )]
    InputTooLarge {
        /// The name of the task.
        task: &'static str,
        /// The size of the encoded input, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The inputs are together larger than one statement may carry. Nothing was sent, so an open
    /// transaction is unharmed.
    #[error(
        "the inputs of task `{task}` have at least {size} bytes together, but at most {limit} can be \
         enqueued at once; enqueue them in several calls, in one transaction if need be"
    )]
    BatchTooLarge {
        /// The name of the task.
        task: &'static str,
        /// The size of the encoded inputs up to the one that was too much, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// An option of the job is out of its range.
    #[error("a job of task `{task}` cannot be enqueued: {problem}")]
    Invalid {
        /// The name of the task.
        task: &'static str,
        /// Which option, and what is allowed.
        problem: String,
    },
    /// The job is the same as another one, and its task, or its enqueuer, asks for an error then. An
    /// open transaction is unharmed.
    #[error("a job of task `{task}` is not enqueued: {}", same_as(*job))]
    Conflict {
        /// The name of the task.
        task: &'static str,
        /// The job that is there; `None` if two of the jobs that were to be enqueued are the same.
        job: Option<JobId>,
    },
    /// The storage failed.
    #[error("failed to enqueue a job of task `{task}`")]
    Driver {
        /// The name of the task.
        task: &'static str,
        /// The error of the storage.
        source: DriverError,
    },
}

/// The end of the advice, where there is a larger limit.
fn or_raise(limit: usize) -> &'static str {
    match limit < INPUT_MAX {
        true => ", or raise the limit with the option `input_max` of the task",
        false => "",
    }
}

/// What is in the way of a unique job.
fn same_as(job: Option<JobId>) -> String {
    match job {
        Some(job) => format!("job {job} is the same"),
        None => "two jobs of one call are the same".to_owned(),
    }
}

/// The end of the message, if there is a reason.
fn because(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

/// Why there is no result of a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job used up its attempts, or failed for good.
    #[error("job {job} failed in attempt {attempts}: {error}")]
    Failed {
        /// The job.
        job: JobId,
        /// How many attempts were made.
        attempts: i16,
        /// The report of the last error.
        error: String,
    },
    /// The job was cancelled.
    #[error("job {job} was cancelled{}", because(reason.as_deref()))]
    Cancelled {
        /// The job.
        job: JobId,
        /// Why, if its task said so.
        reason: Option<String>,
    },
    /// The job was not started by the time it expires.
    #[error("job {job} expired before it was started")]
    Expired {
        /// The job.
        job: JobId,
    },
    /// The job completed, but its result was kept for a shorter time than the job, and has been
    /// pruned.
    #[error("the result of job {job} has been pruned; it was kept for the time that `retain` says")]
    ResultPruned {
        /// The job.
        job: JobId,
    },
    /// Somebody has kept the job locked for five seconds, or changed it each time that it was looked at: a task
    /// may complete its job in a transaction of its own. A change has not taken effect.
    #[error("others change job {job}, or keep it locked; try again")]
    Contended {
        /// The job.
        job: JobId,
    },
    /// There is no such job: it was rolled back, or has been pruned.
    #[error("job {job} does not exist; its transaction did not commit, or it has been pruned")]
    NotFound {
        /// The job.
        job: JobId,
    },
    /// The job had not ended by the deadline. It goes on.
    #[error("job {job} had not ended by the deadline")]
    DeadlineExceeded {
        /// The job.
        job: JobId,
    },
    /// The stored result is not of the type that is asked for.
    #[error("failed to decode the result of job {job}")]
    Decode {
        /// The job.
        job: JobId,
        /// What the decoder says.
        source: DecodeError,
    },
    /// The input of the job is not of the type that is asked for.
    #[error("failed to decode the input of job {job}")]
    Input {
        /// The job.
        job: JobId,
        /// What the decoder says.
        source: DecodeError,
    },
    /// A job of this state cannot be changed like that.
    #[error("job {job} is {state} and cannot be {change}; it must be {admitted}")]
    State {
        /// The job.
        job: JobId,
        /// The state that it is in.
        state: JobState,
        /// What was to become of it.
        change: &'static str,
        /// What it would have to be.
        admitted: &'static str,
    },
    /// A job cannot be put off for so long.
    #[error("job {job} cannot be put off for more than {max:?}")]
    Delay {
        /// The job.
        job: JobId,
        /// The longest delay.
        max: Duration,
    },
    /// The storage failed to change the job. It may or may not have changed it.
    #[error("job {job} could not be {change}")]
    Change {
        /// The job.
        job: JobId,
        /// What was to become of it.
        change: &'static str,
        /// The error of the storage.
        source: DriverError,
    },
    /// The storage failed.
    #[error("failed to look at job {job}")]
    Driver {
        /// The job.
        job: JobId,
        /// The error of the storage.
        source: DriverError,
    },
}

/// Why jobs were not changed, or not all of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Jobs of this state cannot be changed like that. None was.
    #[error("{state} jobs cannot be {change}; a job must be {admitted}")]
    State {
        /// The state of the jobs.
        state: JobState,
        /// What was to become of them.
        change: &'static str,
        /// What a job would have to be.
        admitted: &'static str,
    },
    /// Jobs cannot be put off for so long. None was.
    #[error("jobs cannot be put off for more than {max:?}")]
    Delay {
        /// The longest delay.
        max: Duration,
    },
    /// The storage failed. Whole batches may have been changed; call it again for the others.
    #[error("not all of the jobs could be {change}")]
    Driver {
        /// What was to become of them.
        change: &'static str,
        /// The error of the storage.
        source: DriverError,
    },
}
