//! [`When`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use pgq_cron::{Expression, Interval, Timetable, Zone};

use super::Timing;

/// What the text of an interval begins with, before its seconds.
const EVERY: &str = "every ";

/// When a schedule ticks that is made at run time: like [`Timing`], of texts that are not known before.
///
/// ```
/// use std::time::Duration;
/// use pgq::When;
///
/// let nightly = When::cron_in("0 3 * * *", "Europe/Berlin");
/// let often = When::every(Duration::from_secs(90));
/// ```
///
/// What is wrong with it is said when the schedule is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    times: Times,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Times {
    Cron { expression: String, zone: String },
    Every(Duration),
}

impl When {
    /// At the times of a cron expression of five fields or six, in UTC.
    #[must_use]
    pub fn cron(expression: impl Into<String>) -> Self {
        Self::cron_in(expression, "UTC")
    }

    /// At the times of a cron expression by the clocks of a time zone, such as `Europe/Berlin`.
    #[must_use]
    pub fn cron_in(expression: impl Into<String>, zone: impl Into<String>) -> Self {
        Self::at(Times::Cron {
            expression: expression.into(),
            zone: zone.into(),
        })
    }

    /// Whenever a whole number of the interval has passed since 1970-01-01 00:00 UTC: whole seconds, up
    /// to a year.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self::at(Times::Every(interval))
    }

    const fn at(times: Times) -> Self {
        Self {
            times,
            starts_at: None,
            ends_at: None,
        }
    }

    /// Leaves out the ticks before an instant. Nothing before it is missed.
    #[must_use]
    pub const fn starts_at(mut self, start: DateTime<Utc>) -> Self {
        self.starts_at = Some(start);
        self
    }

    /// Leaves out the ticks at an instant and after it. A tick before it that was missed is made up for
    /// after it, if the schedule makes up missed ticks.
    #[must_use]
    pub const fn ends_at(mut self, end: DateTime<Utc>) -> Self {
        self.ends_at = Some(end);
        self
    }

    /// Reads what is stored of a schedule.
    pub(crate) fn stored(
        expression: &str,
        zone: &str,
        starts_at: Option<DateTime<Utc>>,
        ends_at: Option<DateTime<Utc>>,
    ) -> Self {
        let seconds = expression.strip_prefix(EVERY);
        let seconds = seconds.and_then(|text| text.strip_suffix('s')?.parse().ok());
        let times = match seconds {
            Some(seconds) => Times::Every(Duration::from_secs(seconds)),
            None => Times::Cron {
                expression: expression.to_owned(),
                zone: zone.to_owned(),
            },
        };
        Self {
            times,
            starts_at,
            ends_at,
        }
    }

    /// How it is stored.
    pub(crate) fn expression(&self) -> String {
        match &self.times {
            Times::Cron { expression, .. } => expression.clone(),
            Times::Every(interval) => format!("{EVERY}{}s", interval.as_secs()),
        }
    }

    /// By whose clocks it ticks.
    pub(crate) fn zone(&self) -> &str {
        match &self.times {
            Times::Cron { zone, .. } => zone,
            Times::Every(_) => "UTC",
        }
    }

    /// When it starts and ends.
    pub(crate) const fn dates(&self) -> [Option<DateTime<Utc>>; 2] {
        [self.starts_at, self.ends_at]
    }

    /// Reads what is written; on an error, says what is wrong.
    pub(crate) fn timetable(&self) -> Result<Timetable, String> {
        let timetable = match &self.times {
            Times::Cron { expression, zone } => {
                let expression =
                    Expression::parse(expression).map_err(|error| error.to_string())?;
                let zone = Zone::parse(zone).map_err(|error| error.to_string())?;
                Timetable::calendar(expression, zone)
            }
            Times::Every(interval) => {
                let interval = Interval::new(*interval);
                Timetable::interval(interval.map_err(|error| format!("its interval {error}"))?)
            }
        };
        let [starts_at, ends_at] = self.dates();
        if starts_at.is_none() && ends_at.is_none() {
            return Ok(timetable);
        }
        let what = match ends_at {
            Some(_) => "end",
            None => "start",
        };
        let bounded = timetable.between(starts_at, ends_at);
        bounded.map_err(|error| format!("its {what} {error}"))
    }
}

impl From<Timing> for When {
    fn from(timing: Timing) -> Self {
        match timing {
            Timing::Cron { expression, zone } => Self::cron_in(expression, zone),
            Timing::Every(interval) => Self::every(interval),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn what_is_stored_ticks_as_what_was_made() {
        let whens = [
            When::cron("0 3 * * *"),
            When::cron_in("30 2 * * *", "Europe/Berlin"),
            When::every(Duration::from_secs(90)),
            When::every(Duration::from_secs(7)).starts_at(at(100)),
            When::cron("* * * * * *").starts_at(at(5)).ends_at(at(9)),
        ];
        for when in whens {
            let [starts_at, ends_at] = when.dates();
            let stored = When::stored(&when.expression(), when.zone(), starts_at, ends_at);

            assert_eq!(stored, when);
            assert_eq!(stored.timetable(), when.timetable());
            assert!(stored.timetable().is_ok(), "{when:?}");
        }
    }

    #[test]
    fn what_never_ticks_is_refused() {
        let minute = Duration::from_secs(60);
        for (when, problem) in [
            (When::cron("0 25 * * *"), "out of range"),
            (When::cron("0 0 30 2 *"), "never"),
            (When::cron(""), ""),
            (When::cron("every 90s"), ""),
            (
                When::cron_in("0 3 * * *", "Europe/Berln"),
                "not a time zone",
            ),
            (When::every(Duration::ZERO), "its interval must be at least"),
            (When::every(Duration::from_millis(1500)), "whole seconds"),
            (
                When::every(minute).starts_at(at(60)).ends_at(at(60)),
                "its end must be later than the start",
            ),
            (
                When::every(minute).starts_at(at(61)).ends_at(at(119)),
                "its end leaves no tick",
            ),
        ] {
            let error = when.timetable().unwrap_err();
            assert!(error.contains(problem), "{when:?}: {error}");
        }
    }
}
