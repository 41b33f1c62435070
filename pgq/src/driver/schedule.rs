//! What is said of schedules.

use chrono::{DateTime, Utc};

use super::Enqueue;
use crate::job::hash_of;
use crate::schedule::Overlap;

/// A schedule as the code declares it.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name, unique within the schema.
    pub name: String,
    /// The task that it runs.
    pub task: String,
    /// When it ticks: a cron expression, or an interval such as `every 90s`.
    pub expression: String,
    /// The time zone by whose clocks it ticks.
    pub zone: String,
    /// No tick is earlier; `None` if it always ticks.
    pub starts_at: Option<DateTime<Utc>>,
    /// No tick is at this time or later; `None` if it goes on.
    pub ends_at: Option<DateTime<Utc>>,
}

impl Schedule {
    /// A hash of its name and of what says when it ticks. Two builds that have the same one tick at
    /// the same times.
    #[must_use]
    pub fn digest(&self) -> i64 {
        let time = |time: Option<DateTime<Utc>>| match time {
            Some(time) => time.timestamp_micros().to_string(),
            None => String::new(),
        };
        hash_of([
            self.name.as_bytes(),
            self.expression.as_bytes(),
            self.zone.as_bytes(),
            time(self.starts_at).as_bytes(),
            time(self.ends_at).as_bytes(),
        ])
    }
}

/// Where schedules stand.
#[derive(Clone, Debug)]
pub struct ScheduleState {
    /// The storage's current time.
    pub now: DateTime<Utc>,
    /// Those that there are.
    pub schedules: Vec<StoredSchedule>,
}

/// Where one schedule stands.
#[derive(Clone, Debug)]
pub struct StoredSchedule {
    /// Its name.
    pub name: String,
    /// The [`digest`](Schedule::digest) of its declaration: only builds that declare it so tick.
    pub digest: i64,
    /// Whether a worker lives whose build declares it so.
    pub is_kept: bool,
    /// Its last tick.
    pub last_tick: DateTime<Utc>,
}

/// A tick that is due.
#[derive(Clone, Debug)]
pub struct Tick {
    /// The schedule, as whoever ticks has declared it.
    pub schedule: Schedule,
    /// What the last tick is believed to be.
    pub previous: DateTime<Utc>,
    /// The tick.
    pub at: DateTime<Utc>,
    /// What becomes of it while the job of the last tick that had one is not finished.
    pub overlap: Overlap,
    /// The job of the tick: a single one, and a start of [`Start::Now`](super::Start::Now) or
    /// [`Start::At`](super::Start::At).
    pub enqueue: Enqueue,
}
