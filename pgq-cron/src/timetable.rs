//! The instants at which something ticks.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};

use crate::bounds::{Bounds, BoundsError};
use crate::expression::{Expression, LAST_YEAR};
use crate::interval::Interval;
use crate::zone::Zone;

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// No clock shows a time of 1970 so long before.
const BEFORE_1970: TimeDelta = TimeDelta::days(2);

/// An expression by the clocks of a zone, or an interval: all that is needed to know when the next
/// tick is.
///
/// # When clocks are changed
///
/// The rule is the same for each zone and for changes of any length.
///
/// - A *fixed time* ticks at the first instant at which clocks have reached it. So one that is
///   skipped ticks right after the gap, several of one gap tick once together, and one that is
///   shown twice ticks the first time.
/// - An expression whose minute or hour begins with `*` ([`Expression::is_wildcard`]) ticks whenever
///   clocks show a time that it matches: not in a gap, and twice where the time is shown twice.
/// - An interval does not know of clocks.
///
/// # Examples
///
/// ```
/// use pgq_cron::{Expression, Timetable, Zone};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let expression = Expression::parse("30 2 * * *")?;
/// let timetable = Timetable::calendar(expression, Zone::parse("Europe/Berlin")?);
///
/// // On that day clocks go from 02:00 to 03:00, which is 01:00 in UTC.
/// let tick = timetable.next_after("2026-03-29T00:00:00Z".parse()?);
///
/// assert_eq!(tick, Some("2026-03-29T01:00:00Z".parse()?));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    kind: Kind,
    starts: Option<DateTime<Utc>>,
    ends: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Calendar { expression: Expression, zone: Zone },
    Interval(Interval),
}

impl Timetable {
    /// The ticks of `expression` by the clocks of `zone`.
    #[must_use]
    pub fn calendar(expression: Expression, zone: Zone) -> Self {
        Self::unbounded(Kind::Calendar { expression, zone })
    }

    /// The ticks of `interval`.
    #[must_use]
    pub fn interval(interval: Interval) -> Self {
        Self::unbounded(Kind::Interval(interval))
    }

    fn unbounded(kind: Kind) -> Self {
        Self {
            kind,
            starts: None,
            ends: None,
        }
    }

    /// Leaves out the ticks before a start, and those at an end and after it.
    ///
    /// They are times by the clocks of the zone of an expression, and in UTC for an interval. A time
    /// that is skipped or shown twice means the first instant at which clocks have reached it.
    ///
    /// # Errors
    ///
    /// [`BoundsError::NeverTicks`] if no tick is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use pgq_cron::{Bounds, Expression, Timetable, Zone};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let january = Bounds::new(
    ///     Some(Bounds::parse_time("2026-01-01")?),
    ///     Some(Bounds::parse_time("2026-02-01")?),
    /// )?;
    /// let timetable = Timetable::calendar(Expression::parse("@daily")?, Zone::UTC).within(january)?;
    ///
    /// let first = timetable.next_after("2025-06-01T00:00:00Z".parse()?);
    /// let none = timetable.next_after("2026-01-31T00:00:00Z".parse()?);
    ///
    /// assert_eq!((first, none), (Some("2026-01-01T00:00:00Z".parse()?), None));
    /// # Ok(())
    /// # }
    /// ```
    pub fn within(mut self, bounds: Bounds) -> Result<Self, BoundsError> {
        let zone = match &self.kind {
            Kind::Calendar { zone, .. } => *zone,
            Kind::Interval(_) => Zone::UTC,
        };
        let instant = |local| zone.reaches(local).and_utc();
        self.starts = bounds.starts().map(instant);
        self.ends = bounds.ends().map(instant);
        match self.next_after(DateTime::UNIX_EPOCH - BEFORE_1970) {
            Some(_) => Ok(self),
            None => Err(BoundsError::NeverTicks),
        }
    }

    /// Leaves out the ticks before an instant, and those at another one and after it.
    ///
    /// # Errors
    ///
    /// [`BoundsError::EndsBeforeStart`] if the end is not later than the start, and
    /// [`BoundsError::NeverTicks`] if no tick is left.
    pub fn between(
        mut self,
        starts: Option<DateTime<Utc>>,
        ends: Option<DateTime<Utc>>,
    ) -> Result<Self, BoundsError> {
        if let (Some(starts), Some(ends)) = (starts, ends)
            && ends <= starts
        {
            return Err(BoundsError::EndsBeforeStart);
        }
        (self.starts, self.ends) = (starts, ends);
        match self.next_after(DateTime::UNIX_EPOCH - BEFORE_1970) {
            Some(_) => Ok(self),
            None => Err(BoundsError::NeverTicks),
        }
    }

    /// The instant from which on it ticks; `None` if it always has.
    #[must_use]
    pub fn starts_at(&self) -> Option<DateTime<Utc>> {
        self.starts
    }

    /// The instant from which on it does not tick any more; `None` if it goes on.
    #[must_use]
    pub fn ends_at(&self) -> Option<DateTime<Utc>> {
        self.ends
    }

    /// The first tick strictly after an instant. Ticks are whole seconds.
    ///
    /// Those of an expression lie in the years 1970 to 2100; `None` means that none is left.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let before_start = self.starts.map(|start| start - TimeDelta::nanoseconds(1));
        let after = before_start.map_or(after, |before| after.max(before));
        let tick = self.kind.next_after(after)?;
        self.ends.is_none_or(|end| tick < end).then_some(tick)
    }
}

impl Kind {
    fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Calendar { expression, zone } => {
                // Far from the ends of all time, where there is no other zone.
                if after.year() > LAST_YEAR + 1 {
                    return None;
                }
                let first = DateTime::UNIX_EPOCH - BEFORE_1970;
                let after = DateTime::from_timestamp(after.max(first).timestamp(), 0)?;
                next_after(expression, *zone, after.naive_utc()).map(|tick| tick.and_utc())
            }
            Self::Interval(interval) => interval.next_after(after),
        }
    }
}

/// Walks along the stretches of time between two changes of the clocks. `after` is a whole second.
fn next_after(expression: &Expression, zone: Zone, after: NaiveDateTime) -> Option<NaiveDateTime> {
    let mut from = after;
    let mut offset = zone.offset(from);
    // Ticks up to this local time have been.
    let mut reached = match expression.is_wildcard() {
        true => from + offset,
        false => zone.reached(from),
    };
    loop {
        let local = expression.next_after(reached)?;
        // Before `from` if the clocks skipped it.
        let tick = (local - offset).max(from);
        let Some(change) = zone.change(from, tick) else {
            return Some(tick);
        };
        let shown = change - SECOND + offset;
        offset = zone.offset(change);
        from = change;
        reached = match expression.is_wildcard() {
            true => change - SECOND + offset,
            false => shown.max(reached),
        };
    }
}
