//! When a schedule ticks, and what becomes of its ticks, as options of the command line.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use pgq::{Missed, Overlap, ScheduleInfo, When};

use crate::error::Failure;
use crate::values::{Or, duration, time};

/// What the stored text of an interval begins with.
const EVERY: &str = "every ";

/// When it ticks.
#[derive(Args, Debug)]
pub(super) struct Times {
    /// Tick at the times of a cron expression of five fields or six, such as "0 8 * * MON" or "@daily".
    #[arg(long, value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Tick whenever a whole number of this duration has passed since 1970: whole seconds, up to a year.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    every: Option<Duration>,
    /// The time zone by whose clocks a cron expression ticks, such as Europe/Berlin; UTC unless another is said.
    #[arg(long, value_name = "ZONE", conflicts_with = "every")]
    tz: Option<String>,
    /// Leave out the ticks before this time; a date stands for its first moment in UTC, `none` for no start.
    #[arg(long, value_name = "TIME", value_parser = bound)]
    starts_at: Option<Or<DateTime<Utc>>>,
    /// Leave out the ticks at this time and after it; `none` for no end.
    #[arg(long, value_name = "TIME", value_parser = bound)]
    ends_at: Option<Or<DateTime<Utc>>>,
}

fn bound(text: &str) -> Result<Or<DateTime<Utc>>, String> {
    Or::read(text, time::parse)
}

impl Times {
    /// When a new schedule ticks.
    pub(super) fn new_when(&self) -> Result<When, Failure> {
        match (&self.cron, self.every) {
            (None, None) => Err(Failure::usage("say when it ticks: `--cron` or `--every`")),
            _ => Ok(self.when("", "UTC", [None, None])),
        }
    }

    /// Whether they say something.
    pub(super) const fn are_said(&self) -> bool {
        self.cron.is_some()
            || self.every.is_some()
            || self.tz.is_some()
            || self.starts_at.is_some()
            || self.ends_at.is_some()
    }

    /// When a schedule ticks after an edit: what is not said stays as it is.
    pub(super) fn edited_when(&self, info: &ScheduleInfo) -> Result<When, Failure> {
        let ticks_by_interval = self.cron.is_none() && info.expression.starts_with(EVERY);
        if ticks_by_interval && self.tz.is_some() {
            return Err(Failure::usage(
                "the schedule ticks at an interval, which has no time zone; add `--cron`",
            ));
        }
        let bounds = [info.starts_at, info.ends_at];
        Ok(self.when(&info.expression, &info.zone, bounds))
    }

    fn when(&self, expression: &str, zone: &str, bounds: [Option<DateTime<Utc>>; 2]) -> When {
        let zone = self.tz.as_deref().unwrap_or(zone);
        let expression = self.cron.as_deref().unwrap_or(expression);
        let stored = expression
            .strip_prefix(EVERY)
            .filter(|_| self.cron.is_none());
        let stored = stored.and_then(|interval| duration::parse(interval).ok());
        let when = match self.every.or(stored) {
            Some(interval) => When::every(interval),
            None => When::cron_in(expression, zone),
        };
        let [starts_at, ends_at] = bounds;
        let starts_at = self.starts_at.map_or(starts_at, Or::into_option);
        let ends_at = self.ends_at.map_or(ends_at, Or::into_option);
        let when = starts_at.map_or(when.clone(), |start| when.starts_at(start));
        ends_at.map_or(when.clone(), |end| when.ends_at(end))
    }
}

/// What becomes of its ticks.
#[derive(Args, Debug)]
pub(super) struct Policy {
    /// What becomes of ticks at which no worker ran: `skip` them, run `once` for all of them (the default), or
    /// run all of the last hours or days, such as `all:6h`, up to a year and 1000 ticks.
    #[arg(long, value_name = "POLICY", value_parser = read_missed)]
    pub(super) missed: Option<Missed>,
    /// What becomes of a tick while the job of an earlier one is not finished: `allow` both (the default), `skip`
    /// it, `queue-one` to run the last of them after it, or `cancel-running` for the earlier job.
    #[arg(long, value_name = "POLICY", value_parser = read_overlap)]
    pub(super) overlap: Option<Overlap>,
    /// The longest delay of a tick's job, up to 1d; each tick has its own. By default 0s.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(super) jitter: Option<Duration>,
}

impl Policy {
    pub(super) const fn is_said(&self) -> bool {
        self.missed.is_some() || self.overlap.is_some() || self.jitter.is_some()
    }
}

fn read_missed(text: &str) -> Result<Missed, String> {
    match text {
        "skip" => Ok(Missed::Skip),
        "once" => Ok(Missed::Once),
        _ => match text.strip_prefix("all:") {
            Some(within) => duration::parse(within).map(|within| Missed::All { within }),
            None => Err("it is `skip`, `once`, or `all:` and a duration, such as `all:6h`".into()),
        },
    }
}

fn read_overlap(text: &str) -> Result<Overlap, String> {
    match text {
        "allow" => Ok(Overlap::Allow),
        "skip" => Ok(Overlap::Skip),
        "queue-one" => Ok(Overlap::QueueOne),
        "cancel-running" => Ok(Overlap::CancelRunning),
        _ => Err("it is `allow`, `skip`, `queue-one` or `cancel-running`".into()),
    }
}
