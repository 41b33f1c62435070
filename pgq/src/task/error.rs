//! [`TaskError`].

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::MissingState;
use crate::job::DecodeError;

/// Why an attempt ended without a result, and what is to become of its job.
///
/// A task returns errors of its own; this is what becomes of them. Returned as it is, or passed on
/// with `?` inside an error of another type that names it as its source, it decides what happens
/// next:
///
/// | | the job | counts as an attempt |
/// |---|---|---|
/// | [`retryable`](Self::retryable), every other error | runs again after the backoff of its task | yes |
/// | [`retry_after`](Self::retry_after) | runs again after that time | yes |
/// | [`snooze`](Self::snooze) | runs again after that time | no |
/// | [`permanent`](Self::permanent) | is a dead letter at once | yes |
/// | [`cancel`](Self::cancel) | is cancelled: it ends, and is no dead letter | yes |
///
/// ```
/// use std::time::Duration;
///
/// use pgq::TaskError;
///
/// # struct Response { status: u16, retry_after: Duration }
/// # async fn post(_: u64) -> std::io::Result<Response> {
/// #     Ok(Response { status: 200, retry_after: Duration::ZERO })
/// # }
/// #[pgq::task]
/// async fn deliver(webhook: u64) -> anyhow::Result<()> {
///     let response = post(webhook).await?;
///     match response.status {
///         200..300 => Ok(()),
///         429 => Err(TaskError::retry_after(response.retry_after, "too many requests"))?,
///         410 => Err(TaskError::cancel("the subscriber is gone"))?,
///         400..500 => Err(TaskError::permanent("the request is wrong"))?,
///         status => anyhow::bail!("status {status}"),
///     }
/// }
/// ```
pub struct TaskError {
    cause: Cause,
}

/// The longest delay that a task can ask for: a hundred years, after which every clock that the job
/// meets can still tell the time.
const DELAY_MAX: Duration = Duration::from_secs(36_525 * 24 * 60 * 60);

/// What is to become of a job whose attempt ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It runs again while it has attempts left, after this delay or that of its backoff.
    Retry(Option<Duration>),
    /// It runs again after the delay; the attempt does not count.
    Snooze(Duration),
    /// It is a dead letter.
    Fail,
    /// It is cancelled.
    Cancel,
    /// Its input is not what the task takes: it is corrupt, or for another build.
    Undecodable,
}

/// The error with its verdict. The source of a [`TaskError`], so that it is found behind the errors
/// that others wrap around it: what they are made of cannot be asked for its type.
struct Cause {
    error: Box<dyn StdError + Send + Sync>,
    verdict: Verdict,
}

impl TaskError {
    /// An error after which the job runs again, while it has attempts left.
    pub fn retryable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(error.into(), Verdict::Retry(None))
    }

    /// An error after which the job runs again after `delay` instead of the backoff of its task,
    /// while it has attempts left. A delay is a hundred years at most.
    pub fn retry_after(delay: Duration, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(error.into(), Verdict::Retry(Some(delay.min(DELAY_MAX))))
    }

    /// No error: the time has not come. The job runs again after `delay`, and the attempt does not
    /// count, however often this happens; nothing is kept of it in the history of the job. The job
    /// has then been given to a worker once more, which [`Context::deliveries`] counts.
    ///
    /// [`Context::deliveries`]: crate::Context::deliveries
    #[must_use]
    pub fn snooze(delay: Duration) -> Self {
        let error = format!("snoozed for {delay:?}").into();
        Self::new(error, Verdict::Snooze(delay.min(DELAY_MAX)))
    }

    /// An error that another attempt would meet again: the job is a dead letter at once. Some call
    /// this to discard a job.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(error.into(), Verdict::Fail)
    }

    /// The job is no longer wanted: it ends as cancelled, for this reason. It is no dead letter,
    /// and is kept for as long as a job that completed.
    pub fn cancel(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(reason.into(), Verdict::Cancel)
    }

    /// The input is not what the task takes, as the layers around the task are told it.
    pub(crate) fn undecodable(error: DecodeError) -> Self {
        Self::new(error.into(), Verdict::Undecodable)
    }

    fn new(error: Box<dyn StdError + Send + Sync>, verdict: Verdict) -> Self {
        Self {
            cause: Cause { error, verdict },
        }
    }

    /// Keeps an error of any type. Its verdict is that of the first `TaskError` among its causes.
    pub(super) fn of(error: Box<dyn StdError + Send + Sync>) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(own) => return *own,
            Err(other) => other,
        };
        let verdict = chain(&*error).find_map(|error| match error.downcast_ref::<Self>() {
            Some(own) => Some(own.cause.verdict),
            None => error.downcast_ref::<Cause>().map(|cause| cause.verdict),
        });
        Self::new(error, verdict.unwrap_or(Verdict::Retry(None)))
    }

    /// The same for another job: what it says, and its verdict.
    pub(super) fn again(&self) -> Self {
        Self::new(self.report().into(), self.verdict())
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        self.cause.verdict
    }

    /// Returns `true` if the job runs again while it has attempts left.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.cause.verdict, Verdict::Retry(_))
    }

    /// The message of the error and of each of its causes, joined by `: `. A cause that its parent
    /// repeats is named once.
    #[must_use]
    pub fn report(&self) -> String {
        let mut report = self.to_string();
        for error in chain(&self.cause).skip(1) {
            let message = error.to_string();
            if !report.contains(&message) {
                report.push_str(": ");
                report.push_str(&message);
            }
        }
        report
    }
}

/// An error and its causes.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError")
            .field("error", &self.cause.error)
            .field("verdict", &self.cause.verdict)
            .finish()
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

/// Stands in the place of the error that it was made from; its source says the same once more.
impl StdError for TaskError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl From<MissingState> for TaskError {
    fn from(error: MissingState) -> Self {
        Self::permanent(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(90);

    #[derive(Debug, thiserror::Error)]
    enum Charge {
        #[error("the card cannot be charged")]
        Refused(#[from] TaskError),
        #[error("no answer")]
        NoAnswer(#[source] fmt::Error),
    }

    fn boxed(error: impl Into<Box<dyn StdError + Send + Sync>>) -> TaskError {
        TaskError::of(error.into())
    }

    #[test]
    fn a_verdict_is_found_behind_other_errors() {
        let verdicts = [
            (TaskError::retryable("x"), Verdict::Retry(None)),
            (
                TaskError::retry_after(LATER, "x"),
                Verdict::Retry(Some(LATER)),
            ),
            (TaskError::snooze(LATER), Verdict::Snooze(LATER)),
            (TaskError::permanent("x"), Verdict::Fail),
            (TaskError::cancel("x"), Verdict::Cancel),
        ];
        for (error, verdict) in verdicts {
            let again = || TaskError::new("x".into(), verdict);
            assert_eq!(error.verdict(), verdict);
            assert_eq!(boxed(error).verdict(), verdict);
            assert_eq!(boxed(anyhow::Error::new(again())).verdict(), verdict);
            let wrapped = anyhow::Error::new(again()).context("on the way");
            assert_eq!(boxed(wrapped).verdict(), verdict);
            assert_eq!(boxed(Charge::from(again())).verdict(), verdict);
            let nested = TaskError::permanent(again());
            assert_eq!(boxed(nested).verdict(), Verdict::Fail);
        }
    }

    #[test]
    fn an_error_without_a_verdict_is_retried() {
        assert_eq!(boxed("timed out").verdict(), Verdict::Retry(None));
        let error = Charge::NoAnswer(fmt::Error);
        assert_eq!(boxed(error).verdict(), Verdict::Retry(None));
    }

    #[test]
    fn each_message_of_the_chain_is_reported_once() {
        let permanent = || TaskError::permanent("no such user");
        assert_eq!(permanent().report(), "no such user");
        assert_eq!(
            boxed(Charge::from(permanent())).report(),
            "the card cannot be charged: no such user"
        );
        let error = anyhow::Error::new(permanent()).context("charging");
        assert_eq!(boxed(error).report(), "charging: no such user");
    }
}
