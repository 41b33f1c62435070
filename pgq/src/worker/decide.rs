//! What becomes of a job when an attempt of it ended. Pure: random numbers are arguments.

use std::time::Duration;

use crate::driver::{ClaimedJob, Completion, DriverError, End, Ending};
use crate::job::JobId;
use crate::task::{CancelReason, TaskDescriptor, Verdict};

/// How one attempt ended.
#[derive(Debug)]
pub(crate) enum AttemptEnd {
    /// The encoded result; `None` stands for `()`.
    Completed(Option<Vec<u8>>),
    /// The input was kept apart, and is not there.
    InputGone,
    /// The input was kept apart, and the storage cannot read it, for this reason.
    InputUnreadable(String),
    /// The task was not run: the worker stopped, or the job goes back for so long.
    NotStarted(Duration),
    /// The time to start the job was over when it was claimed.
    Expired,
    /// The task returned an error.
    Failed {
        /// The messages of the error and its causes.
        report: String,
        /// What the error says of the job.
        verdict: Verdict,
    },
    /// The task failed, with this report, after it was told that its worker stops.
    Stopped(String),
    /// The task took longer than this.
    TimedOut(Duration),
    /// The task panicked with this message.
    Panicked(String),
    /// Somebody has cancelled the job; what the task then said, if it failed.
    Cancelled(Option<String>),
    /// The task returned, but the transaction that was to complete the job did not commit; why, if
    /// that is known.
    Uncommitted(Option<String>),
}

impl AttemptEnd {
    /// What an end comes to that followed a word to end.
    pub(crate) fn told(self, reason: Option<CancelReason>) -> Self {
        match (reason, self) {
            // Whatever it returned.
            (Some(CancelReason::Cancelled), Self::Failed { report, .. }) => {
                Self::Cancelled(Some(report))
            }
            (Some(CancelReason::Cancelled), Self::Panicked(message)) => {
                Self::Cancelled(Some(panicked(&message)))
            }
            (Some(CancelReason::Cancelled), Self::Cancelled(report)) => Self::Cancelled(report),
            (Some(CancelReason::Cancelled), _) => Self::Cancelled(None),
            (
                Some(CancelReason::Shutdown | CancelReason::LeaseLost),
                Self::Failed {
                    report,
                    verdict: Verdict::Retry(None),
                },
            ) => Self::Stopped(report),
            (_, end) => end,
        }
    }
}

impl AttemptEnd {
    /// What kind of error it is, for people who count them.
    pub(crate) const fn error_type(&self) -> &'static str {
        match self {
            Self::TimedOut(_) => "timeout",
            Self::Panicked(_) => "panic",
            Self::InputGone
            | Self::InputUnreadable(_)
            | Self::Failed {
                verdict: Verdict::Undecodable,
                ..
            } => "input",
            Self::Failed { .. }
            | Self::Stopped(_)
            | Self::Uncommitted(_)
            | Self::Completed(_)
            | Self::NotStarted(_)
            | Self::Expired
            | Self::Cancelled(_) => "error",
        }
    }
}

/// What the storage is to be told of an attempt.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It ended with a result.
    Complete(Completion),
    /// It ended in any other way.
    End(Ending),
}

impl Decision {
    /// The job, and its claim.
    pub(crate) fn attempt(&self) -> (JobId, i64) {
        match self {
            Self::Complete(completion) => (completion.job, completion.claim),
            Self::End(ending) => (ending.job, ending.claim),
        }
    }

    /// The size of the result, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Complete(completion) => completion.result.as_ref().map_or(0, Vec::len),
            Self::End(_) => 0,
        }
    }
}

/// How long a job of another build's input waits before it is offered again. It costs the job no
/// attempt, so this only bounds how often builds that cannot run it look at it.
const UNKNOWN_INPUT_DELAY: Duration = Duration::from_secs(60);

/// The longest error text that is stored, in bytes.
const ERROR_MAX: usize = 16 * 1024;

/// The error of a job whose input somebody has deleted.
const INPUT_GONE: &str = "the input is gone: `large_input` has no row of this job";

/// The error of an attempt that has completed its job in a transaction without effect.
const UNCOMMITTED: &str = "the completing transaction did not commit";

/// What stands at the end of an error text that was cut.
const CUT_MARK: &str = "… (cut)";

/// Decides what becomes of `job`, whose attempt by `task` ended with `end`.
///
/// `known` are the fingerprints of input that the task's own build can read besides its own.
/// `result_max` is the largest result that is stored, in bytes. `random` is in `0.0..1.0`; it
/// spreads the delay before the next attempt.
pub(crate) fn decide(
    end: AttemptEnd,
    job: &ClaimedJob,
    task: &TaskDescriptor,
    known: &[i64],
    result_max: usize,
    random: f64,
) -> Decision {
    match end {
        AttemptEnd::Completed(result) => complete(result, job, task, result_max),
        AttemptEnd::InputGone => ending(job, task, End::Failed, INPUT_GONE.to_owned()),
        AttemptEnd::InputUnreadable(report) => failed(
            format!("the input cannot be read: {report}"),
            job,
            task,
            random,
        ),
        AttemptEnd::NotStarted(delay) => Decision::End(Ending::unstarted(job.id, job.claim, delay)),
        AttemptEnd::Expired => Decision::End(Ending::expired(job, task.options.retain)),
        AttemptEnd::Failed { report, verdict } => match verdict {
            Verdict::Retry(None) => failed(report, job, task, random),
            Verdict::Retry(Some(delay)) => retry(report, job, task, delay),
            Verdict::Snooze(delay) => Decision::End(Ending::released(job.id, job.claim, delay)),
            Verdict::Fail => ending(job, task, End::Failed, report),
            Verdict::Cancel => ending(job, task, End::Cancelled, report),
            Verdict::Undecodable => undecodable(&report, job, task, known),
        },
        // Its worker is to blame, so it costs no attempt.
        AttemptEnd::Stopped(report) => ending(job, task, End::Release(Duration::ZERO), report),
        AttemptEnd::TimedOut(limit) => {
            failed(format!("timed out after {limit:?}"), job, task, random)
        }
        AttemptEnd::Panicked(message) => failed(panicked(&message), job, task, random),
        AttemptEnd::Cancelled(report) => Decision::End(Ending {
            job: job.id,
            claim: job.claim,
            end: End::Cancelled,
            error: report.map(storable),
            retention: task.options.retain.completed,
        }),
        AttemptEnd::Uncommitted(None) => failed(UNCOMMITTED.to_owned(), job, task, random),
        AttemptEnd::Uncommitted(Some(why)) => {
            failed(format!("{UNCOMMITTED}: {why}"), job, task, random)
        }
    }
}

fn panicked(message: &str) -> String {
    format!("panicked: {message}")
}

fn complete(
    result: Option<Vec<u8>>,
    job: &ClaimedJob,
    task: &TaskDescriptor,
    result_max: usize,
) -> Decision {
    let size = result.as_ref().map_or(0, Vec::len);
    if size > result_max {
        let error = format!("the result has {size} bytes, but at most {result_max} are allowed");
        return ending(job, task, End::Failed, error);
    }
    Decision::Complete(Completion {
        job: job.id,
        claim: job.claim,
        result,
        retain: task.options.retain,
        durability: task.options.durability,
    })
}

/// What becomes of a job whose children the storage refuses: it would refuse them again.
pub(crate) fn refused(job: &ClaimedJob, task: &TaskDescriptor, error: &DriverError) -> Decision {
    let mut report = format!("the jobs that it enqueues cannot be stored: {error}");
    if let Some(source) = std::error::Error::source(error) {
        report.push_str(&format!(": {source}"));
    }
    ending(job, task, End::Failed, report)
}

/// Input of a build that this one can read, and that does not decode, is corrupt. Input of another
/// build may be known to that build.
fn undecodable(error: &str, job: &ClaimedJob, task: &TaskDescriptor, known: &[i64]) -> Decision {
    // A job that carries an alias has the fingerprint of that name.
    let own = || (task.shape)().fingerprint(&job.task);
    let is_known = |fingerprint| fingerprint == own() || known.contains(&fingerprint);
    let end = match job.fingerprint {
        Some(other) if !is_known(other) => End::Unstarted(UNKNOWN_INPUT_DELAY),
        _ => End::Failed,
    };
    ending(
        job,
        task,
        end,
        format!("the input does not decode: {error}"),
    )
}

/// The job runs again after its backoff, while it has attempts left.
fn failed(error: String, job: &ClaimedJob, task: &TaskDescriptor, random: f64) -> Decision {
    let delay = task.options.backoff.delay(job.attempt, random);
    retry(error, job, task, delay)
}

/// The job runs again after `delay`, while it has attempts left.
fn retry(error: String, job: &ClaimedJob, task: &TaskDescriptor, delay: Duration) -> Decision {
    let end = if job.attempt < job.max_attempts {
        End::Retry(delay)
    } else {
        End::Failed
    };
    ending(job, task, end, error)
}

fn ending(job: &ClaimedJob, task: &TaskDescriptor, end: End, error: String) -> Decision {
    let retain = task.options.retain;
    Decision::End(Ending {
        job: job.id,
        claim: job.claim,
        end,
        error: Some(storable(error)),
        retention: match end {
            End::Cancelled | End::Expired => retain.completed,
            End::Failed | End::Retry(_) | End::Release(_) | End::Unstarted(_) => retain.failed,
        },
    })
}

/// Makes an error text one that can be stored: without NUL, which PostgreSQL refuses in a text,
/// and of bounded length.
fn storable(error: String) -> String {
    let mut error = if error.contains('\0') {
        error.replace('\0', "\u{fffd}")
    } else {
        error
    };
    if error.len() > ERROR_MAX {
        error.truncate(error.floor_char_boundary(ERROR_MAX - CUT_MARK.len()));
        error.push_str(CUT_MARK);
    }
    error
}

#[cfg(test)]
mod tests;
