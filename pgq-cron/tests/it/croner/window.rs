//! The minutes around a change of the clocks, and the ticks in them by the documented rule.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::cases::{Day, Days, Times};
use crate::clocks::shown;

pub(super) const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// How far around a change ticks are compared.
const AROUND: TimeDelta = TimeDelta::hours(26);

/// The minutes around a change.
pub(super) struct Window {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    /// From before the start on, so that it is known what clocks have shown there.
    minutes: Vec<Minute>,
    dates: Vec<NaiveDate>,
}

/// A minute of time. All clocks are changed at whole minutes.
pub(super) struct Minute {
    pub(super) at: DateTime<Utc>,
    /// What clocks show.
    pub(super) local: NaiveDateTime,
    /// The latest that they have shown before, unless they show the next minute.
    pub(super) reached: NaiveDateTime,
}

impl Minute {
    /// The minutes that clocks skipped to show this one.
    pub(super) fn skipped(&self) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let next = |minute: &NaiveDateTime| Some(*minute + MINUTE);
        std::iter::successors(next(&self.reached), next).take_while(|minute| *minute < self.local)
    }

    /// Whether clocks have shown it before.
    pub(super) fn is_repeated(&self) -> bool {
        self.local <= self.reached
    }
}

impl Window {
    pub(super) fn around(zone: Tz, change: DateTime<Utc>) -> Self {
        let (start, end) = (change - AROUND, change + AROUND);
        let mut at = start - AROUND;
        let mut reached = shown(zone, at);
        let mut minutes = Vec::new();
        let mut dates = vec![reached.date()];
        while at < end {
            at += MINUTE;
            let local = shown(zone, at);
            minutes.push(Minute { at, local, reached });
            reached = reached.max(local);
            dates.push(local.date());
            dates.extend(
                minutes
                    .last()
                    .into_iter()
                    .flat_map(|last| last.skipped().map(|s| s.date())),
            );
            dates.dedup();
        }
        dates.sort_unstable();
        dates.dedup();
        Self {
            start,
            end,
            minutes,
            dates,
        }
    }

    /// The minute of an instant within the window.
    pub(super) fn minute(&self, at: DateTime<Utc>) -> &Minute {
        let index = self.minutes.partition_point(|minute| minute.at <= at);
        &self.minutes[index - 1]
    }

    /// The ticks after the start and up to the end.
    pub(super) fn ticks(&self, times: &Table, days: &Days) -> Vec<DateTime<Utc>> {
        let dates = self
            .dates
            .iter()
            .map(|date| (*date, (days.has)(Day::of(*date))));
        let dates: BTreeMap<NaiveDate, bool> = dates.collect();
        let seconds = |local: NaiveDateTime| match dates[&local.date()] {
            true => times.seconds(local),
            false => &[],
        };
        let mut ticks = Vec::new();
        for minute in &self.minutes {
            let seconds_now = seconds(minute.local);
            if !times.is_wildcard {
                if minute.is_repeated() {
                    continue;
                }
                let made_up = minute.skipped().any(|skipped| !seconds(skipped).is_empty());
                if made_up && seconds_now.first() != Some(&0) {
                    ticks.push(minute.at);
                }
            }
            let offsets = seconds_now.iter().copied().map(TimeDelta::seconds);
            ticks.extend(offsets.map(|offset| minute.at + offset));
        }
        ticks.retain(|tick| *tick > self.start && *tick <= self.end);
        ticks
    }
}

/// Times, written out for each minute of the day.
pub(super) struct Table {
    pub(super) is_wildcard: bool,
    minutes: Vec<Vec<i64>>,
}

impl Table {
    pub(super) fn of(times: &Times) -> Self {
        let minutes = (0..24 * 60).map(|minute| {
            let seconds = times.of_minute(minute / 60, minute % 60);
            seconds.map(i64::from).collect()
        });
        Self {
            is_wildcard: times.is_wildcard,
            minutes: minutes.collect(),
        }
    }

    /// The seconds at which the minute ticks.
    pub(super) fn seconds(&self, local: NaiveDateTime) -> &[i64] {
        &self.minutes[(local.hour() * 60 + local.minute()) as usize]
    }

    /// Whether the minute ticks at any second.
    pub(super) fn any(&self, local: NaiveDateTime) -> bool {
        !self.seconds(local).is_empty()
    }

    /// Whether an instant at which clocks show that minute is one of its seconds.
    pub(super) fn has(&self, local: NaiveDateTime, at: DateTime<Utc>) -> bool {
        self.seconds(local).contains(&i64::from(at.second()))
    }

    /// How many ticks a day has.
    pub(super) fn ticks_of_a_day(&self) -> usize {
        self.minutes.iter().map(Vec::len).sum()
    }
}
