//! What tasks log, kept with their jobs.
//!
//! With the feature `capture` and the layer [`Capture`] in the subscriber of the program, what a task
//! logs through `tracing` while it runs is stored with its attempt, and read by
//! [`JobHandle::logs`](crate::JobHandle::logs):
//!
//! ```no_run
//! # #[cfg(feature = "capture")]
//! # fn subscribe() {
//! use pgq::logs::Capture;
//! use tracing_subscriber::layer::SubscriberExt as _;
//! use tracing_subscriber::util::SubscriberInitExt as _;
//!
//! tracing_subscriber::registry()
//!     .with(tracing_subscriber::fmt::layer())
//!     .with(Capture::new())
//!     .init();
//! # }
//! ```
//!
//! Captured is what is logged within the span of the attempt: by the task, by what it calls and awaits,
//! by its blocking thread, and by futures that it spawns and instruments with
//! `tracing::Instrument::in_current_span`. Events of pgq itself are not, so that nothing is logged about
//! logging. The span has the target `pgq` and the level `INFO`: a filter of the whole subscriber that
//! leaves it out leaves nothing to capture.
//!
//! The lines are written when the attempt has ended, just before its end is, and only if its worker
//! still holds the job. An attempt that is given back, because its task snoozed or its worker stops,
//! leaves none; neither does one that is cut off by the death of its worker. They are kept for as long
//! as the job is.

#[cfg(feature = "capture")]
mod buffer;
#[cfg(feature = "capture")]
mod capture;
#[cfg(not(feature = "capture"))]
mod silent;

use chrono::{DateTime, Utc};

#[cfg(feature = "capture")]
pub(crate) use self::buffer::{Buffer, capturing};
#[cfg(feature = "capture")]
pub use self::capture::Capture;
#[cfg(not(feature = "capture"))]
pub(crate) use self::silent::{Buffer, capturing};

/// What the task has logged in one attempt of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptLog {
    /// Which attempt it was, from 1.
    pub attempt: i16,
    /// When it ended, by the database's clock.
    pub ended_at: DateTime<Utc>,
    /// The lines, oldest first, divided by line feeds. Each says how long after the start of the
    /// attempt it was logged, in seconds, its level, the target, the message and the fields:
    /// `0.012 INFO shop::mail: sent to="ada@example.org"`.
    pub text: String,
}

impl AttemptLog {
    pub(crate) const fn new(attempt: i16, ended_at: DateTime<Utc>, text: String) -> Self {
        Self {
            attempt,
            ended_at,
            text,
        }
    }
}
