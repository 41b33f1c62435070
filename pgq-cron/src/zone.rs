//! Time zones: what their clocks show, and when they are changed.

use std::fmt;

use chrono::{NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

/// The longest step in which two changes of the clocks of one zone are not missed.
const PROBE: TimeDelta = TimeDelta::hours(6);

/// How long the clocks may show again what they have shown before a change. The longest change
/// since 1970 is one of a day.
const REPEATED_MAX: TimeDelta = TimeDelta::hours(26);

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// A time zone of the IANA database, with its rules up to the year 2100.
///
/// The database is part of the program: two programs of one build have the same rules.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

/// A name that no time zone has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not a time zone: expected a name of the IANA database, such as `Europe/Berlin` or \
     `UTC`"
)]
pub struct UnknownZone {
    name: String,
}

impl Zone {
    /// The zone without changes.
    pub const UTC: Self = Self(Tz::UTC);

    /// Finds a zone by its name, such as `Europe/Berlin`; upper and lower case matter.
    ///
    /// # Errors
    ///
    /// Fails if there is no such zone.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let unknown = |_| UnknownZone {
            name: name.to_owned(),
        };
        name.parse().map(Self).map_err(unknown)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What clocks show more than UTC at an instant. All times here are UTC unless they are called
    /// local.
    pub(crate) fn offset(self, at: NaiveDateTime) -> TimeDelta {
        let offset = self.0.offset_from_utc_datetime(&at).fix();
        TimeDelta::seconds(offset.local_minus_utc().into())
    }

    /// The first instant after `from`, up to and with `until`, at which clocks are changed.
    pub(crate) fn change(self, from: NaiveDateTime, until: NaiveDateTime) -> Option<NaiveDateTime> {
        if self == Self::UTC {
            // The next tick may be years away, and each step is looked up.
            return None;
        }
        let offset = self.offset(from);
        let mut unchanged = from;
        while unchanged < until {
            let probe = (unchanged + PROBE).min(until);
            if self.offset(probe) != offset {
                return Some(self.bisect(offset, unchanged, probe));
            }
            unchanged = probe;
        }
        None
    }

    /// The first second with another offset, of which there is one after `unchanged`, up to
    /// `changed`.
    fn bisect(
        self,
        offset: TimeDelta,
        mut unchanged: NaiveDateTime,
        mut changed: NaiveDateTime,
    ) -> NaiveDateTime {
        while changed - unchanged > SECOND {
            let half = TimeDelta::seconds((changed - unchanged).num_seconds() / 2);
            let middle = unchanged + half;
            if self.offset(middle) == offset {
                unchanged = middle;
            } else {
                changed = middle;
            }
        }
        changed
    }

    /// The first instant at which clocks have reached a local time.
    pub(crate) fn reaches(self, local: NaiveDateTime) -> NaiveDateTime {
        let mut from = local - REPEATED_MAX;
        loop {
            // Before `from` if the clocks skipped it.
            let at = (local - self.offset(from)).max(from);
            match self.change(from, at) {
                Some(change) => from = change,
                None => return at,
            }
        }
    }

    /// The latest local time that clocks have shown up to an instant. It is later than what they
    /// show then if they were put back a short time ago.
    pub(crate) fn reached(self, at: NaiveDateTime) -> NaiveDateTime {
        let mut from = at - REPEATED_MAX;
        let mut reached = at + self.offset(at);
        while let Some(change) = self.change(from, at) {
            reached = reached.max(change - SECOND + self.offset(from));
            from = change;
        }
        reached
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name()).finish()
    }
}
