//! From when on and until when something ticks.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use crate::expression::LAST_YEAR;

/// The first year with ticks.
const FIRST_YEAR: i32 = 1970;

/// A start and an end, by the clocks of a zone; either may be missing.
///
/// The start belongs to it, the end does not: what starts and ends at midnight has a whole number of
/// days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    starts: Option<NaiveDateTime>,
    ends: Option<NaiveDateTime>,
}

/// Why something has no ticks between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundsError {
    /// The end is the start, or before it.
    #[error("must be later than the start")]
    EndsBeforeStart,
    /// No tick lies between them.
    #[error("leaves no tick: none lies between the start and the end")]
    NeverTicks,
}

/// A text that is no date and no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a date from 1970 to 2100 such as `2026-01-31`, which means its midnight, or a time such \
     as `2026-01-31T08:30`, without a zone; `{text}` is not"
)]
pub struct LocalTimeError {
    text: String,
}

impl Bounds {
    /// Checks that the end comes after the start.
    ///
    /// # Errors
    ///
    /// [`BoundsError::EndsBeforeStart`] if it does not.
    pub fn new(
        starts: Option<NaiveDateTime>,
        ends: Option<NaiveDateTime>,
    ) -> Result<Self, BoundsError> {
        match (starts, ends) {
            (Some(starts), Some(ends)) if ends <= starts => Err(BoundsError::EndsBeforeStart),
            _ => Ok(Self { starts, ends }),
        }
    }

    /// When it starts.
    #[must_use]
    pub fn starts(self) -> Option<NaiveDateTime> {
        self.starts
    }

    /// When it ends: there is no tick at this time, nor later.
    #[must_use]
    pub fn ends(self) -> Option<NaiveDateTime> {
        self.ends
    }

    /// Reads `2026-01-31`, which is midnight, `2026-01-31T08:30` or `2026-01-31T08:30:15`.
    ///
    /// # Errors
    ///
    /// Fails if the text is none of these, or outside of the years 1970 to 2100.
    ///
    /// # Examples
    ///
    /// ```
    /// use pgq_cron::Bounds;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert_eq!(Bounds::parse_time("2026-01-31")?, "2026-01-31T00:00:00".parse()?);
    /// assert!(Bounds::parse_time("2026-02-30").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn parse_time(text: &str) -> Result<NaiveDateTime, LocalTimeError> {
        let read = match text.len() {
            10 => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(|date| date.and_time(NaiveTime::MIN)),
            16 => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"),
            _ => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"),
        };
        match read {
            // A leap second is none that ticks.
            Ok(time)
                if (FIRST_YEAR..=LAST_YEAR).contains(&time.year()) && time.nanosecond() == 0 =>
            {
                Ok(time)
            }
            _ => Err(LocalTimeError {
                text: text.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, BoundsError};

    #[test]
    fn a_time_is_a_date_with_or_without_a_time_of_the_day() {
        for (text, expected) in [
            ("2026-01-31", Some("2026-01-31T00:00:00")),
            ("2026-01-31T08:30", Some("2026-01-31T08:30:00")),
            ("2026-01-31T08:30:15", Some("2026-01-31T08:30:15")),
            ("1970-01-01", Some("1970-01-01T00:00:00")),
            ("2100-12-31", Some("2100-12-31T00:00:00")),
            ("1969-12-31", None),
            ("2101-01-01", None),
            ("2026-02-29", None),
            ("2026-1-31", None),
            ("2026-01-31T24:00", None),
            ("2026-01-31T08:30:60", None),
            ("2026-01-31T08:30Z", None),
            ("2026-01-31 08:30", None),
            ("2026-01-31T08:30:15+01:00", None),
            ("tomorrow", None),
            ("", None),
        ] {
            let read = Bounds::parse_time(text).ok();
            let expected = expected.map(|time| time.parse().unwrap());
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn an_end_comes_after_the_start() {
        let time = |text| Some(Bounds::parse_time(text).unwrap());
        let (first, second) = (time("2026-01-01"), time("2026-01-02"));
        let error = Err(BoundsError::EndsBeforeStart);

        assert_eq!(Bounds::new(second, first), error);
        assert_eq!(Bounds::new(first, first), error);
        for (starts, ends) in [(first, second), (None, first), (first, None), (None, None)] {
            let bounds = Bounds::new(starts, ends).unwrap();
            assert_eq!((bounds.starts(), bounds.ends()), (starts, ends));
        }
    }
}
