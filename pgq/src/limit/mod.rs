//! Limits of the whole fleet: what they are, and how their permits and tokens are shared out.

mod admit;
mod allot;
mod bucket;
mod decide;
mod serve;

use std::time::Duration;

pub(crate) use self::admit::{Admission, Candidate, KeyKind, KeyMax, KeyState, Served, admit};
pub(crate) use self::allot::{Share, allot};
pub(crate) use self::bucket::Bucket;
pub(crate) use self::decide::{Grant, PERMITS_AGAIN, take};
pub(crate) use self::serve::{FreeKey, Waiter, serve};

/// The most permits of a limit, and the most tokens of a rate.
pub(crate) const LIMIT_MAX: u32 = 1_000_000;

/// Whose jobs a limit is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Limited {
    /// All jobs of the queue of this name.
    Queue(String),
    /// All jobs of the task of this name, in whatever queue, and by whatever name they carry it.
    Task(String),
}

impl Limited {
    /// What it is, as the storage names it: `queue` or `task`.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Queue(_) => "queue",
            Self::Task(_) => "task",
        }
    }

    /// From what the storage has.
    pub(crate) fn from_kind(kind: &str, name: String) -> Self {
        match kind {
            "queue" => Self::Queue(name),
            _ => Self::Task(name),
        }
    }

    /// The name of the queue or of the task.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Task(name) => name,
        }
    }
}

/// How many jobs may run, and how many may start in a time, in all workers together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetLimit {
    /// Whose jobs.
    pub what: Limited,
    /// The most that run at once, 1 to 1,000,000; `None`: no limit.
    pub running: Option<u32>,
    /// How many start in a time; `None`: no limit. Queues have none.
    pub rate: Option<FleetRate>,
    /// What is limited for each key of the jobs by itself; `None`: nothing. Queues have none.
    pub by_key: Option<KeyLimit>,
}

impl FleetLimit {
    /// No limit yet.
    #[must_use]
    pub const fn new(what: Limited) -> Self {
        Self {
            what,
            running: None,
            rate: None,
            by_key: None,
        }
    }

    /// Sets the most that run at once.
    #[must_use]
    pub const fn running(mut self, max: Option<u32>) -> Self {
        self.running = max;
        self
    }

    /// Sets how many start in a time.
    #[must_use]
    pub const fn rate(mut self, rate: Option<FleetRate>) -> Self {
        self.rate = rate;
        self
    }

    /// Sets what is limited for each key.
    #[must_use]
    pub const fn by_key(mut self, limit: Option<KeyLimit>) -> Self {
        self.by_key = limit;
        self
    }
}

/// What is limited for each key of a task's jobs by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimit {
    /// The most jobs of one concurrency key that run at once, 1 to 1,000,000; `None`: no limit.
    pub running: Option<u32>,
    /// Whether jobs have an order key: of each one runs at a time, in order.
    pub ordered: bool,
    /// How many jobs of one rate key start in a time; `None`: no limit.
    pub rate: Option<FleetRate>,
}

/// A token bucket: each start takes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetRate {
    /// How many tokens come in each `per`, 1 to 1,000,000.
    pub max: u32,
    /// The time, of a microsecond at least.
    pub per: Duration,
    /// How many tokens the bucket holds, 1 to 1,000,000.
    pub burst: u32,
}
