//! The instants at which something ticks.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};

use crate::expression::{Expression, LAST_YEAR};
use crate::interval::Interval;
use crate::zone::Zone;

const SECOND: TimeDelta = TimeDelta::seconds(1);

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
pub struct Timetable(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Calendar { expression: Expression, zone: Zone },
    Interval(Interval),
}

impl Timetable {
    /// The ticks of `expression` by the clocks of `zone`.
    #[must_use]
    pub fn calendar(expression: Expression, zone: Zone) -> Self {
        Self(Kind::Calendar { expression, zone })
    }

    /// The ticks of `interval`.
    #[must_use]
    pub fn interval(interval: Interval) -> Self {
        Self(Kind::Interval(interval))
    }

    /// The first tick strictly after an instant. Ticks are whole seconds.
    ///
    /// Those of an expression lie in the years 1970 to 2100; `None` means that none is left.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Kind::Calendar { expression, zone } => {
                // Far from the ends of all time, where there is no other zone.
                if after.year() > LAST_YEAR + 1 {
                    return None;
                }
                let first = DateTime::UNIX_EPOCH - TimeDelta::days(2);
                let after = DateTime::from_timestamp(after.max(first).timestamp(), 0)?;
                next_after(expression, *zone, after.naive_utc()).map(|tick| tick.and_utc())
            }
            Kind::Interval(interval) => interval.next_after(after),
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
