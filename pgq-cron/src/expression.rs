//! An expression and its ticks.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta};
use cron::Schedule;

use crate::days::Days;
use crate::error::ParseError;
use crate::normalize::Normalized;

/// The last year with ticks; it is the `cron` crate's.
pub(crate) const LAST_YEAR: i32 = 2100;

/// A cron expression that was read and that matches at least one date.
///
/// Two expressions are equal if they are written the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Expression {
    source: String,
    is_wildcard: bool,
    /// One, or two if either day field may match; each of them has ticks.
    schedules: Vec<Schedule>,
    /// What dates must be besides, if that takes `L`, `W` or `#`.
    days: Option<Days>,
}

impl Expression {
    /// Reads an expression; the [crate's documentation](crate) says what it may hold.
    ///
    /// # Errors
    ///
    /// A [`ParseError`] that says what is wrong, where, and what to write instead; also if no date
    /// ever matches.
    ///
    /// # Examples
    ///
    /// ```
    /// use pgq_cron::Expression;
    ///
    /// let error = Expression::parse("0 0 30 FEB *").unwrap_err();
    ///
    /// assert_eq!(
    ///     error.to_string(),
    ///     "`30 FEB` never matches a date: change the day of month or the month",
    /// );
    /// ```
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let normalized = Normalized::read(source)?;
        let days = normalized.special_days();
        let mut schedules = Vec::new();
        for text in normalized.to_cron() {
            let Ok(schedule) = Schedule::from_str(&text) else {
                return Err(ParseError::Refused {
                    normalized: text,
                    span: 0..source.len(),
                });
            };
            // Without this, each tick of `0 0 30 2 MON` would search all years for 30 February.
            if next_on(&schedule, days.as_ref(), NaiveDateTime::MIN).is_some() {
                schedules.push(schedule);
            }
        }
        if schedules.is_empty() {
            return Err(never_matches(source, normalized, days.as_ref()));
        }
        Ok(Self {
            source: source.to_owned(),
            is_wildcard: normalized.is_wildcard(),
            schedules,
            days,
        })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the minute or the hour starts with `*`, so that the expression means "every so
    /// often" and not "at this time of the day".
    ///
    /// Ticks do not depend on it. A scheduler needs it when the clocks of a zone change: a fixed
    /// time should happen once a day then, an interval should follow the time that passes.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.is_wildcard
    }

    /// The first tick strictly after a local time.
    ///
    /// Ticks are whole seconds in the years 1970 to 2100; `None` means that none is left. The search
    /// is bounded: it looks at each date up to the end of 2100 at most once for each day field.
    ///
    /// # Examples
    ///
    /// ```
    /// use pgq_cron::Expression;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let leap_days = Expression::parse("0 12 29 2 *")?;
    ///
    /// let next = leap_days.next_after("2026-01-01T00:00:00".parse()?);
    /// let none = leap_days.next_after("2096-02-29T12:00:00".parse()?);
    ///
    /// assert_eq!(next, Some("2028-02-29T12:00:00".parse()?));
    /// assert_eq!(none, None); // 2100 is not a leap year.
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn next_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        self.schedules
            .iter()
            .filter_map(|schedule| next_on(schedule, self.days.as_ref(), after))
            .min()
    }

    /// The ticks strictly after a local time, in order and each once, up to the end of 2100.
    ///
    /// # Examples
    ///
    /// ```
    /// use pgq_cron::Expression;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let expression = Expression::parse("*/40 * * * *")?;
    ///
    /// let minutes: Vec<_> = expression
    ///     .ticks_after("2026-01-01T08:00:00".parse()?)
    ///     .map(|tick| tick.format("%H:%M").to_string())
    ///     .take(3)
    ///     .collect();
    ///
    /// assert_eq!(minutes, ["08:40", "09:00", "09:40"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ticks_after(&self, after: NaiveDateTime) -> Ticks<'_> {
        Ticks {
            expression: self,
            last: Some(after),
        }
    }
}

impl FromStr for Expression {
    type Err = ParseError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        Self::parse(source)
    }
}

/// The expression as it was written.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// The ticks of an expression; made by [`Expression::ticks_after`].
#[derive(Clone, Debug)]
pub struct Ticks<'a> {
    expression: &'a Expression,
    /// The last tick that was handed out; `None` when there are no more.
    last: Option<NaiveDateTime>,
}

impl Iterator for Ticks<'_> {
    type Item = NaiveDateTime;

    fn next(&mut self) -> Option<NaiveDateTime> {
        self.last = self.expression.next_after(self.last?);
        self.last
    }
}

impl FusedIterator for Ticks<'_> {}

/// The error of an expression without ticks.
fn never_matches(source: &str, normalized: Normalized, days: Option<&Days>) -> ParseError {
    let token = |span: &Range<usize>| source.get(span.clone()).unwrap_or(source).to_owned();
    if days.is_some_and(Days::ruled_out_by_weekday) {
        return ParseError::DaysNeverMeet {
            token: token(&normalized.days),
            span: normalized.days,
        };
    }
    ParseError::NeverMatches {
        token: token(&normalized.date),
        span: normalized.date,
    }
}

/// The first tick of one schedule that is on one of the days.
fn next_on(
    schedule: &Schedule,
    days: Option<&Days>,
    after: NaiveDateTime,
) -> Option<NaiveDateTime> {
    let Some(days) = days else {
        return next_after(schedule, after);
    };
    let mut after = after;
    loop {
        let tick = next_after(schedule, after)?;
        let date = days.next(tick.date())?;
        if date == tick.date() {
            return Some(tick);
        }
        after = date.and_time(NaiveTime::MIN) - TimeDelta::seconds(1);
    }
}

/// The first tick of one schedule.
///
/// The `cron` crate only knows zones; UTC is a time line without changes. It adds a second to
/// `after` and casts its year to an unsigned number, so both ends are kept away from it.
fn next_after(schedule: &Schedule, after: NaiveDateTime) -> Option<NaiveDateTime> {
    if after.year() > LAST_YEAR {
        return None;
    }
    let second_before_1970 = DateTime::from_timestamp(-1, 0)?;
    let after = after.and_utc().max(second_before_1970);
    let tick = schedule.after(&after).next()?;
    Some(tick.naive_utc())
}
