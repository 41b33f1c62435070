//! Intervals: every so many seconds.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The longest interval, in seconds: a year.
const SECONDS_MAX: u64 = 365 * 86_400;

/// An interval that ticks whenever a whole number of it has passed since 1970-01-01 00:00 UTC.
///
/// So its ticks do not drift, do not depend on when a program was started, and are the same for
/// each program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    seconds: i64,
}

/// Why a duration is not an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntervalError {
    /// Shorter than a second.
    #[error("must be at least a second, `\"1s\"`")]
    TooShort,
    /// Longer than a year.
    #[error("must be at most a year, `\"365d\"`")]
    TooLong,
    /// Not a number of whole seconds.
    #[error("must be a number of whole seconds, such as `\"90s\"`")]
    NotWholeSeconds,
}

impl Interval {
    /// Checks that the duration is a number of whole seconds, from one to a year.
    ///
    /// # Errors
    ///
    /// An [`IntervalError`] that says what is allowed.
    pub fn new(duration: Duration) -> Result<Self, IntervalError> {
        if duration < Duration::from_secs(1) {
            return Err(IntervalError::TooShort);
        }
        if duration > Duration::from_secs(SECONDS_MAX) {
            return Err(IntervalError::TooLong);
        }
        match (i64::try_from(duration.as_secs()), duration.subsec_nanos()) {
            (Ok(seconds), 0) => Ok(Self { seconds }),
            _ => Err(IntervalError::NotWholeSeconds),
        }
    }

    /// The time between two ticks.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.seconds.unsigned_abs())
    }

    /// The first tick strictly after an instant; `None` at the end of all time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use pgq_cron::Interval;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let interval = Interval::new(Duration::from_secs(90))?;
    ///
    /// let tick = interval.next_after("2026-01-01T00:00:00Z".parse()?);
    ///
    /// assert_eq!(tick, Some("2026-01-01T00:01:30Z".parse()?));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn next_after(self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let passed = after.timestamp().div_euclid(self.seconds);
        let tick = passed.checked_add(1)?.checked_mul(self.seconds)?;
        DateTime::from_timestamp(tick, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Interval, IntervalError};
    use chrono::{DateTime, Utc};
    use std::time::Duration;

    #[test]
    fn an_interval_is_whole_seconds_up_to_a_year() {
        let year = Duration::from_secs(365 * 86_400);
        let cases = [
            (Duration::ZERO, Err(IntervalError::TooShort)),
            (Duration::from_millis(999), Err(IntervalError::TooShort)),
            (Duration::from_secs(1), Ok(Duration::from_secs(1))),
            (
                Duration::from_millis(1500),
                Err(IntervalError::NotWholeSeconds),
            ),
            (year, Ok(year)),
            (year + Duration::from_nanos(1), Err(IntervalError::TooLong)),
            (Duration::MAX, Err(IntervalError::TooLong)),
        ];
        for (duration, expected) in cases {
            let made = Interval::new(duration).map(Interval::duration);
            assert_eq!(made, expected, "{duration:?}");
        }
    }

    #[test]
    fn ticks_are_multiples_of_the_interval_since_1970() {
        // seconds, after in milliseconds, tick in seconds
        let cases = [
            (90, 0, 90),
            (90, 89_999, 90),
            (90, 90_000, 180),
            (90, 90_001, 180),
            (7, 1_000_000_000_000, 1_000_000_001),
            (60, -1, 0),
            (60, -60_000, 0),
            (60, -60_001, -60),
        ];
        for (seconds, after, expected) in cases {
            let interval = Interval::new(Duration::from_secs(seconds)).unwrap();
            let after = DateTime::from_timestamp_millis(after).unwrap();
            let tick = interval.next_after(after).map(|tick| tick.timestamp());
            assert_eq!(tick, Some(expected), "{seconds} s after {after}");
        }
    }

    #[test]
    fn there_is_no_tick_after_the_end_of_all_time() {
        let year = Interval::new(Duration::from_secs(365 * 86_400)).unwrap();
        assert_eq!(year.next_after(DateTime::<Utc>::MAX_UTC), None);
    }
}
