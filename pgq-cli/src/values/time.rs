//! [`Time`]: instants, in UTC.

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// An instant; as text it is in UTC, to the second for people, and as exact as it is stored in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) DateTime<Utc>);

impl From<DateTime<Utc>> for Time {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// Reads an instant, or a date, which stands for its first moment in UTC.
pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "a time is written as 2026-01-31T08:00:00Z or 2026-01-31".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Time, parse};

    #[test]
    fn times_are_read_and_written_in_utc() {
        for (text, shown) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z"),
            ("2026-01-31T08:00:00.5+02:00", "2026-01-31T06:00:00Z"),
        ] {
            assert_eq!(Time(parse(text).unwrap()).to_string(), shown);
        }
        let exact = Time(parse("2026-01-31T08:00:00.5Z").unwrap());
        assert_eq!(
            serde_json::to_string(&exact).unwrap(),
            "\"2026-01-31T08:00:00.500Z\""
        );
        assert!(parse("tomorrow").is_err());
        assert!(parse("2026-02-30").is_err());
    }
}
