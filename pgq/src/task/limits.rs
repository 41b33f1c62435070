//! [`Concurrency`] and [`Rate`]: limits that hold for all workers together.

use std::time::Duration;

/// How many jobs of a task run at once, in all workers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Concurrency {
    /// The most that run at once, 1 to 1,000,000.
    pub max: u32,
    /// The parameters whose values each have the limit for themselves. Default: none, so that the
    /// limit is one for the whole task.
    pub by: &'static [&'static str],
}

impl Concurrency {
    /// At most `max` jobs of the task.
    #[must_use]
    pub const fn new(max: u32) -> Self {
        Self { max, by: &[] }
    }

    /// At most so many for each value of these parameters.
    #[must_use]
    pub const fn by(mut self, parameters: &'static [&'static str]) -> Self {
        self.by = parameters;
        self
    }
}

/// How many jobs of a task start in a time, in all workers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// How many start in [`per`](Self::per), 1 to 1,000,000.
    pub max: u32,
    /// The time, longer than zero.
    pub per: Duration,
    /// How many may start at once after a time without any, 1 to 1,000,000. Default: `max`.
    pub burst: u32,
    /// The parameters whose values each have the rate for themselves. Default: none, so that the
    /// rate is one for the whole task.
    pub by: &'static [&'static str],
}

impl Rate {
    /// At most `max` jobs of the task in each `per`.
    #[must_use]
    pub const fn new(max: u32, per: Duration) -> Self {
        Self {
            max,
            per,
            burst: max,
            by: &[],
        }
    }

    /// Sets how many may start at once after a time without any.
    #[must_use]
    pub const fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// At most so many for each value of these parameters.
    #[must_use]
    pub const fn by(mut self, parameters: &'static [&'static str]) -> Self {
        self.by = parameters;
        self
    }
}
