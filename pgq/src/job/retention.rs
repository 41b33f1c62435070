//! [`Retention`] and [`Retain`].

use std::time::Duration;

const HOUR: u64 = 3600;

/// How long something that has ended is kept: at least, from its end on. It is dropped up to a
/// quarter of that time later, or an hour if that is more.
///
/// There are a few steps only, from an hour to a year, because what is kept for the same time is
/// kept in the same partitions, and is dropped with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retention {
    hours: i16,
}

impl Retention {
    /// An hour.
    pub const HOUR: Self = Self { hours: 1 };
    /// A day.
    pub const DAY: Self = Self { hours: 24 };
    /// Two weeks.
    pub const TWO_WEEKS: Self = Self { hours: 14 * 24 };
    /// A year.
    pub const YEAR: Self = Self { hours: 365 * 24 };

    /// Every step, shortest first.
    pub const STEPS: [Self; 9] = [
        Self::HOUR,
        Self { hours: 6 },
        Self::DAY,
        Self { hours: 3 * 24 },
        Self { hours: 7 * 24 },
        Self::TWO_WEEKS,
        Self { hours: 30 * 24 },
        Self { hours: 90 * 24 },
        Self::YEAR,
    ];

    /// The shortest step that is at least `time`; [`YEAR`](Self::YEAR) if none is.
    #[must_use]
    pub const fn at_least(time: Duration) -> Self {
        let mut step = 0;
        while step < Self::STEPS.len() {
            if Self::STEPS[step].duration().as_nanos() >= time.as_nanos() {
                return Self::STEPS[step];
            }
            step += 1;
        }
        Self::YEAR
    }

    /// The step of that many hours, if there is one.
    #[must_use]
    pub fn from_hours(hours: i16) -> Option<Self> {
        Self::STEPS.into_iter().find(|step| step.hours == hours)
    }

    /// The number in the column `retention`.
    #[must_use]
    pub const fn hours(self) -> i16 {
        self.hours
    }

    /// How long that is.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.hours.unsigned_abs() as u64 * HOUR)
    }
}

/// How long what is left of the jobs of a task is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retain {
    /// Jobs that completed. Default: a day.
    pub completed: Retention,
    /// Jobs that failed, were cancelled or expired, and the error of each attempt. Default: two
    /// weeks.
    pub failed: Retention,
    /// Results. Default: a day. One that outlives its job cannot be found.
    pub result: Retention,
}

impl Retain {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        completed: Retention::DAY,
        failed: Retention::TWO_WEEKS,
        result: Retention::DAY,
    };
}

impl Default for Retain {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_to_a_step() {
        let second = Duration::from_secs(1);
        let hour = Duration::from_secs(HOUR);
        for (time, hours) in [
            (Duration::ZERO, 1),
            (hour, 1),
            (hour + Duration::from_nanos(1), 6),
            (hour + second, 6),
            (24 * hour, 24),
            (25 * hour, 72),
            (365 * 24 * hour, 8760),
            (Duration::MAX, 8760),
        ] {
            assert_eq!(Retention::at_least(time).hours(), hours, "{time:?}");
        }
    }

    #[test]
    fn every_step_is_found_by_its_hours() {
        for step in Retention::STEPS {
            assert_eq!(Retention::from_hours(step.hours()), Some(step));
            assert_eq!(Retention::at_least(step.duration()), step);
        }
        assert_eq!(Retention::from_hours(2), None);
    }
}
