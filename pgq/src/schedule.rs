//! When a schedule ticks, and what becomes of a tick: data, no decisions.

mod when;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pgq_cron::{Bounds, Expression, Interval, Timetable, Zone};

pub use self::when::When;

/// The longest time by which the jobs of ticks are spread: a day.
const JITTER_MAX: Duration = Duration::from_secs(86_400);

/// The longest time for which missed ticks are made up: a year.
const WITHIN_MAX: Duration = Duration::from_secs(365 * 86_400);

/// When a schedule ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timing {
    /// At the times of a cron expression.
    Cron {
        /// The expression, of five fields or six.
        expression: &'static str,
        /// The IANA name of the time zone by whose clocks it ticks, such as `Europe/Berlin`.
        zone: &'static str,
    },
    /// Whenever a whole number of the interval has passed since 1970-01-01 00:00 UTC.
    Every(Duration),
}

impl Timing {
    /// The times of a cron expression, in UTC.
    #[must_use]
    pub const fn cron(expression: &'static str) -> Self {
        Self::cron_in(expression, "UTC")
    }

    /// The times of a cron expression by the clocks of a time zone, such as `Europe/Berlin`.
    #[must_use]
    pub const fn cron_in(expression: &'static str, zone: &'static str) -> Self {
        Self::Cron { expression, zone }
    }

    /// The ticks strictly after an instant, in order: whole seconds, for an expression up to the end
    /// of the year 2100. [`clocks`](crate::clocks) has what becomes of them when clocks are changed.
    ///
    /// # Errors
    ///
    /// Fails if the expression, its zone or the interval is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use pgq::Timing;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let wages = Timing::cron_in("0 18 LW * *", "Europe/Berlin");
    ///
    /// let ticks = wages.ticks_after("2026-05-01T00:00:00Z".parse()?)?;
    ///
    /// let dates: Vec<_> = ticks.take(2).map(|tick| tick.to_string()).collect();
    /// assert_eq!(dates, ["2026-05-29 16:00:00 UTC", "2026-06-30 16:00:00 UTC"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ticks_after(
        self,
        after: DateTime<Utc>,
    ) -> Result<impl Iterator<Item = DateTime<Utc>>, InvalidTiming> {
        let timetable = self.timetable().map_err(InvalidTiming)?;
        let next = move |last: &DateTime<Utc>| timetable.next_after(*last);
        Ok(std::iter::successors(next(&after), next))
    }

    /// Reads what is written; on an error, says what is wrong.
    pub(crate) fn timetable(self) -> Result<Timetable, String> {
        match self {
            Self::Cron { expression, zone } => {
                let expression =
                    Expression::parse(expression).map_err(|error| error.to_string())?;
                let zone = Zone::parse(zone).map_err(|error| error.to_string())?;
                Ok(Timetable::calendar(expression, zone))
            }
            Self::Every(duration) => match Interval::new(duration) {
                Ok(interval) => Ok(Timetable::interval(interval)),
                Err(error) => Err(format!("its interval {error}")),
            },
        }
    }

    /// The zone by whose clocks it ticks.
    pub(crate) const fn zone(self) -> &'static str {
        match self {
            Self::Cron { zone, .. } => zone,
            Self::Every(_) => "UTC",
        }
    }
}

/// The expression, or `every` and the seconds.
impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron { expression, .. } => f.write_str(expression),
            Self::Every(interval) => write!(f, "every {}s", interval.as_secs()),
        }
    }
}

/// A cron expression, a time zone or an interval that is none. Its text says what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTiming(String);

/// From when on and until when a schedule ticks, as it is written: times by the clocks of its zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dates {
    pub(crate) starts: Option<&'static str>,
    pub(crate) ends: Option<&'static str>,
}

impl Dates {
    pub(crate) const ALWAYS: Self = Self {
        starts: None,
        ends: None,
    };

    /// Leaves out what is outside of them; on an error, says what is wrong.
    pub(crate) fn bound(self, timetable: Timetable) -> Result<Timetable, String> {
        let time = |what: &str, text: Option<&str>| {
            let read = text.map(Bounds::parse_time).transpose();
            read.map_err(|error| format!("its {what} {error}"))
        };
        let starts = time("start", self.starts)?;
        let ends = time("end", self.ends)?;
        if starts.is_none() && ends.is_none() {
            return Ok(timetable);
        }
        let bounds = Bounds::new(starts, ends);
        let bounded = bounds.and_then(|bounds| timetable.within(bounds));
        bounded.map_err(|error| match self.ends {
            Some(_) => format!("its end {error}"),
            None => format!("its start {error}"),
        })
    }
}

/// What becomes of ticks at which no worker ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// Nothing: a tick that is more than two minutes late has no job.
    Skip,
    /// However many there are, the last of them has one job.
    #[default]
    Once,
    /// Each that is not longer ago than that has its job, up to the 1000 last ones.
    All {
        /// How long ago a tick may be, up to a year.
        within: Duration,
    },
}

/// What becomes of a tick while the job of an earlier tick is not finished: while it waits, runs, or
/// is to be tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overlap {
    /// It has its job, which may run beside the other one.
    #[default]
    Allow,
    /// It has no job.
    Skip,
    /// It waits: the last tick that came meanwhile has its job once the other one is finished. It
    /// looks for that once a second.
    QueueOne,
    /// The other one is cancelled, as [`JobHandle::cancel`](crate::JobHandle::cancel) does, in the
    /// transaction in which this one is enqueued. This one does not wait for the end of the other.
    CancelRunning,
}

/// How the ticks of one schedule are handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of ticks at which no worker ran.
    pub missed: Missed,
    /// What becomes of a tick while the job of an earlier one is not finished.
    pub overlap: Overlap,
    /// The longest delay of a tick's job; each tick has its own.
    pub jitter: Duration,
}

impl Policy {
    pub(crate) const DEFAULT: Self = Self {
        missed: Missed::Once,
        overlap: Overlap::Allow,
        jitter: Duration::ZERO,
    };

    /// What is wrong with it.
    pub(crate) fn problem(self) -> Option<&'static str> {
        match self.missed {
            Missed::All { within } if within.is_zero() => {
                return Some("the time within which missed ticks are made up must not be zero");
            }
            Missed::All { within } if within > WITHIN_MAX => {
                return Some(
                    "the time within which missed ticks are made up must be at most a year",
                );
            }
            _ => {}
        }
        if self.overlap == Overlap::QueueOne && self.missed != Missed::Once {
            return Some(
                "`Overlap::QueueOne` keeps one tick, the last, so it goes with `Missed::Once` only",
            );
        }
        (self.jitter > JITTER_MAX).then_some("its jitter must be at most a day")
    }
}

#[cfg(test)]
mod tests {
    use super::{Dates, Missed, Overlap, Policy, Timing};
    use std::time::Duration;

    #[test]
    fn a_timing_that_is_none_is_refused() {
        for (timing, problem) in [
            (Timing::cron("0 25 * * *"), "out of range"),
            (
                Timing::cron_in("0 3 * * *", "Europe/Berln"),
                "not a time zone",
            ),
            (
                Timing::Every(Duration::ZERO),
                "its interval must be at least a second",
            ),
        ] {
            let error = timing.timetable().unwrap_err();
            assert!(error.contains(problem), "{timing}: {error}");
        }
    }

    #[test]
    fn dates_that_leave_no_tick_are_refused() {
        let cases = [
            (Some("2026-01-01"), Some("2026-01-02"), None),
            (None, None, None),
            (Some("2026-02-30"), None, Some("its start must be a date")),
            (None, Some("tomorrow"), Some("its end must be a date")),
            (
                Some("2026-01-02"),
                Some("2026-01-02"),
                Some("its end must be later than the start"),
            ),
            (
                Some("2026-01-01T00:00:01"),
                Some("2026-01-02"),
                Some("its end leaves no tick"),
            ),
            (
                Some("2100-12-31T01:00"),
                None,
                Some("its start leaves no tick"),
            ),
        ];
        for (starts, ends, expected) in cases {
            let timetable = Timing::cron("@daily").timetable().unwrap();
            let dates = Dates { starts, ends };
            let problem = dates.bound(timetable).err();
            assert!(
                problem.is_some() == expected.is_some()
                    && problem
                        .as_deref()
                        .unwrap_or_default()
                        .contains(expected.unwrap_or_default()),
                "{dates:?}: {problem:?}"
            );
        }
        assert_eq!(Dates::default(), Dates::ALWAYS);
    }

    #[test]
    fn a_policy_that_contradicts_itself_is_refused() {
        let hour = Duration::from_secs(3600);
        let all = |within| Missed::All { within };
        let (allow, queue_one) = (Overlap::Allow, Overlap::QueueOne);
        let cases = [
            (Missed::Once, queue_one, hour * 24, None),
            (all(hour * 24 * 365), allow, Duration::ZERO, None),
            (all(Duration::ZERO), allow, hour, Some("must not be zero")),
            (all(hour * 24 * 366), allow, hour, Some("at most a year")),
            (all(hour), queue_one, hour, Some("keeps one tick")),
            (Missed::Skip, queue_one, hour, Some("keeps one tick")),
            (Missed::Once, allow, hour * 25, Some("at most a day")),
        ];
        for (missed, overlap, jitter, expected) in cases {
            let policy = Policy {
                missed,
                overlap,
                jitter,
            };
            let problem = policy.problem();
            assert!(
                problem
                    .unwrap_or_default()
                    .contains(expected.unwrap_or_default())
                    && problem.is_some() == expected.is_some(),
                "{policy:?}: {problem:?}"
            );
        }
        assert_eq!(Policy::default(), Policy::DEFAULT);
    }
}
