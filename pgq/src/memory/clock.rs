//! [`ManualClock`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::watch;

/// A clock that stands still until it is moved. Its clones are the same clock.
///
/// Like PostgreSQL's, its times are in whole microseconds.
#[derive(Clone)]
pub struct ManualClock {
    // A channel and not a mutex, so that listeners hear of each move.
    now: Arc<watch::Sender<DateTime<Utc>>>,
}

impl ManualClock {
    /// Makes a clock that stands at `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            now: Arc::new(watch::Sender::new(stored(now))),
        }
    }

    /// The time at which the clock stands.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        *self.now.borrow()
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.now
            .send_modify(|now| *now = stored(after(*now, duration)));
    }

    /// Moves the clock to `now`, which may be back, as the clock of a server may.
    pub fn set(&self, now: DateTime<Utc>) {
        self.now.send_replace(stored(now));
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<DateTime<Utc>> {
        self.now.subscribe()
    }
}

/// Stands at the time at which it is made.
impl Default for ManualClock {
    fn default() -> Self {
        Self::new(Utc::now())
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

/// The clock of one storage.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    Real,
    Manual(ManualClock),
}

impl Clock {
    pub(super) fn now(&self) -> DateTime<Utc> {
        match self {
            Self::Real => stored(Utc::now()),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Hears of each move of a clock that is moved by hand.
    pub(super) fn subscribe(&self) -> Option<watch::Receiver<DateTime<Utc>>> {
        match self {
            Self::Real => None,
            Self::Manual(clock) => Some(clock.subscribe()),
        }
    }
}

/// The time `duration` after `time`, or the last time that there is.
pub(super) fn after(time: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    chrono::TimeDelta::from_std(duration)
        .ok()
        .and_then(|duration| time.checked_add_signed(duration))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn stored(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}
