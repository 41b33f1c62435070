//! [`Bounded`]: runs that end by themselves.

use std::future::IntoFuture;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::run::Run;
use super::serve::serve;
use crate::error::Result;
use crate::worker::Tally;
use crate::worker::config::Mode;

/// A worker that ends when its work is done; await it.
///
/// # Errors
///
/// As for [`Run`].
///
/// # Cancel safety
///
/// As for [`Run`]; to end it earlier, use [`Bounded::deadline`] or [`Run::stop_on`].
#[derive(Debug)]
#[must_use = "a worker does nothing unless awaited"]
pub struct Bounded {
    run: Run,
    mode: Mode,
    deadline: Option<Duration>,
}

/// What a worker has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many jobs completed.
    pub completed: u64,
    /// How many attempts failed whose jobs will run again.
    pub retried: u64,
    /// How many jobs failed for good.
    pub failed: u64,
    /// How many jobs their tasks cancelled.
    pub cancelled: u64,
    /// How many jobs had not been started by the time they expired, and were ended by this worker when
    /// it claimed them.
    pub expired: u64,
    /// How many jobs were given back, or snoozed by their tasks: without an attempt that counts.
    pub released: u64,
    /// Whether the work was done; `false` if the deadline or a signal came first.
    pub idle: bool,
}

impl Bounded {
    pub(super) fn new(run: Run, mode: Mode) -> Self {
        Self {
            run,
            mode,
            deadline: None,
        }
    }

    /// Returns after `deadline` at the latest; what still runs then is cancelled and given back.
    /// Default: none.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl IntoFuture for Bounded {
    type Output = Result<Report>;
    type IntoFuture = BoxFuture<'static, Result<Report>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(serve(self.run, self.mode, self.deadline))
    }
}

impl Report {
    pub(super) fn of(tally: &Tally, idle: bool) -> Self {
        Self {
            completed: tally.completed.load(Ordering::Relaxed),
            retried: tally.retried.load(Ordering::Relaxed),
            failed: tally.failed.load(Ordering::Relaxed),
            cancelled: tally.cancelled.load(Ordering::Relaxed),
            expired: tally.expired.load(Ordering::Relaxed),
            released: tally.released.load(Ordering::Relaxed),
            idle,
        }
    }
}
