//! The six fields of an expression: what they are called and what they hold.

use std::fmt;
use std::ops::RangeInclusive;

/// One field of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The second, 0 to 59; only in expressions of six fields.
    Second,
    /// The minute, 0 to 59.
    Minute,
    /// The hour, 0 to 23.
    Hour,
    /// The day of the month, 1 to 31.
    DayOfMonth,
    /// The month, 1 to 12 or `JAN` to `DEC`.
    Month,
    /// The day of the week, 0 to 7 or `SUN` to `SAT`; 0 and 7 are Sunday.
    DayOfWeek,
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    /// The numbers that may be written in this field.
    #[must_use]
    pub fn range(self) -> RangeInclusive<u8> {
        match self {
            Self::Second | Self::Minute => 0..=59,
            Self::Hour => 0..=23,
            Self::DayOfMonth => 1..=31,
            Self::Month => 1..=12,
            Self::DayOfWeek => 0..=7,
        }
    }

    /// The values of `*`, and where `5/15` ends: each value once, so Sunday is 0 only.
    pub(crate) fn every(self) -> RangeInclusive<u8> {
        match self {
            Self::DayOfWeek => 0..=6,
            _ => self.range(),
        }
    }

    /// How many values `*` has.
    pub(crate) fn size(self) -> usize {
        self.every().len()
    }

    pub(crate) fn is_day(self) -> bool {
        matches!(self, Self::DayOfMonth | Self::DayOfWeek)
    }

    /// The number behind a name, in any case.
    pub(crate) fn value_of(self, name: &str) -> Option<u8> {
        let index = self
            .names()
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))?;
        self.every().nth(index)
    }

    /// The name of a value, if values of this field have names.
    pub(crate) fn name_of(self, value: u8) -> Option<&'static str> {
        let index = self.every().position(|known| known == value)?;
        self.names().get(index).copied()
    }

    /// What may be written here, as errors say it.
    pub(crate) fn allowed(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => "0 to 59",
            Self::Hour => "0 to 23",
            Self::DayOfMonth => "1 to 31",
            Self::Month => "1 to 12 or JAN to DEC",
            Self::DayOfWeek => "0 to 7 or SUN to SAT",
        }
    }

    /// The unit that begins when this field starts over, as errors say it.
    pub(crate) fn carries_into(self) -> &'static str {
        match self {
            Self::Second => "minute",
            Self::Minute => "hour",
            Self::Hour => "day",
            Self::DayOfMonth => "month",
            Self::Month => "year",
            Self::DayOfWeek => "week",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => MONTHS,
            Self::DayOfWeek => WEEKDAYS,
            _ => &[],
        }
    }
}

/// The name in plain words, such as `day of month`.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        let cases = [
            (Field::Month, "jan", Some(1)),
            (Field::Month, "Dec", Some(12)),
            (Field::Month, "SUN", None),
            (Field::DayOfWeek, "sun", Some(0)),
            (Field::DayOfWeek, "SAT", Some(6)),
            (Field::DayOfWeek, "SATURDAY", None),
            (Field::Hour, "JAN", None),
        ];
        for (field, name, value) in cases {
            assert_eq!(field.value_of(name), value, "{name} in {field}");
        }
        assert_eq!(Field::Month.name_of(1), Some("JAN"));
        assert_eq!(Field::DayOfWeek.name_of(6), Some("SAT"));
        assert_eq!(Field::DayOfMonth.name_of(1), None);
    }
}
