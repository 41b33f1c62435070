//! [`CancelReason`], and the signal that tells one attempt to end.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

/// Why an attempt was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelReason {
    /// Somebody has cancelled the job. Whatever the task returns, the job ends as cancelled, and its
    /// [`JobTransaction`](crate::JobTransaction) is rolled back; only a task that has completed its
    /// job by [`complete_in`](crate::Context::complete_in) itself has completed it. A task that does
    /// not return within the [grace time](crate::Run::cancel_grace) is dropped.
    Cancelled,
    /// The time limit of the task is over. An async task is dropped; one that blocks goes on, and
    /// what it returns is dropped.
    TimedOut,
    /// The worker has lost its lease, or this job: another worker may run it already. Whatever the
    /// task returns is not recorded.
    LeaseLost,
    /// The worker stops, and its deadline has come. A task that then fails is given back, at no cost
    /// to its attempts.
    Shutdown,
}

/// Tells one attempt to end. The first reason counts.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    token: CancellationToken,
    reason: OnceLock<CancelReason>,
}

impl Cancel {
    pub(crate) fn fire(&self, reason: CancelReason) {
        // An error means that it has fired.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }

    pub(crate) fn reason(&self) -> Option<CancelReason> {
        self.reason.get().copied()
    }
}
