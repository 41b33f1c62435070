//! Expressions, and what each of their fields means in a few words of Rust.

use chrono::{Datelike, NaiveDate};

use crate::oracle::month::Month;

/// The times of the day of an expression.
pub(super) struct Times {
    /// The hour, the minute and, in front, the second if there is one.
    pub(super) text: &'static str,
    /// Whether it ticks every so often, and not at fixed times.
    pub(super) is_wildcard: bool,
    seconds: fn(u32) -> bool,
    /// By hour and minute.
    minutes: fn(u32, u32) -> bool,
}

impl Times {
    /// Ticks every so often, on the second 0.
    const fn every(text: &'static str, minutes: fn(u32, u32) -> bool) -> Self {
        Self {
            text,
            is_wildcard: true,
            seconds: |second| second == 0,
            minutes,
        }
    }

    /// Ticks at fixed times, on the second 0.
    const fn at(text: &'static str, minutes: fn(u32, u32) -> bool) -> Self {
        Self {
            is_wildcard: false,
            ..Self::every(text, minutes)
        }
    }

    const fn seconds(mut self, seconds: fn(u32) -> bool) -> Self {
        self.seconds = seconds;
        self
    }

    /// The seconds of a minute.
    pub(super) fn of_minute(&self, hour: u32, minute: u32) -> impl Iterator<Item = u32> + '_ {
        let any = (self.minutes)(hour, minute);
        (0..60).filter(move |second| any && (self.seconds)(*second))
    }
}

pub(super) const TIMES: &[Times] = &[
    Times::every("* *", |_, _| true),
    Times::every("*/7 *", |_, m| m % 7 == 0),
    Times::every("0 *", |_, m| m == 0),
    Times::every("59 *", |_, m| m == 59),
    Times::every("*/15 *", |_, m| m % 15 == 0),
    Times::every("0 */2", |h, m| m == 0 && h % 2 == 0),
    Times::every("30 */3", |h, m| m == 30 && h % 3 == 0),
    Times::every("*/30 1-3", |h, m| m % 30 == 0 && (1..=3).contains(&h)),
    Times::every("*/20 2", |h, m| m % 20 == 0 && h == 2),
    Times::every("* 23", |h, _| h == 23),
    Times::every("15,45 *", |_, m| m == 15 || m == 45),
    Times::every("*/12 0", |h, m| m % 12 == 0 && h == 0),
    Times::at("0 0", |h, m| (h, m) == (0, 0)),
    Times::at("30 0", |h, m| (h, m) == (0, 30)),
    Times::at("59 23", |h, m| (h, m) == (23, 59)),
    Times::at("30 23", |h, m| (h, m) == (23, 30)),
    Times::at("0 1", |h, m| (h, m) == (1, 0)),
    Times::at("30 1", |h, m| (h, m) == (1, 30)),
    Times::at("0 2", |h, m| (h, m) == (2, 0)),
    Times::at("10 2", |h, m| (h, m) == (2, 10)),
    Times::at("30 2", |h, m| (h, m) == (2, 30)),
    Times::at("0 3", |h, m| (h, m) == (3, 0)),
    Times::at("0 12", |h, m| (h, m) == (12, 0)),
    Times::at("0,30 0-3", |h, m| m % 30 == 0 && h <= 3),
    Times::at("5-55/10 1,2,23", |h, m| {
        m % 10 == 5 && [1, 2, 23].contains(&h)
    }),
    Times::at("15 0-23/2", |h, m| m == 15 && h % 2 == 0),
    Times::at("45 2,3", |h, m| m == 45 && (h == 2 || h == 3)),
    Times::at("0-59 22", |h, _| h == 22),
    Times::at("30 30 2", |h, m| (h, m) == (2, 30)).seconds(|s| s == 30),
    Times::at("*/20 30 2", |h, m| (h, m) == (2, 30)).seconds(|s| s % 20 == 0),
    Times::every("10,50 */30 1-2", |h, m| m % 30 == 0 && (h == 1 || h == 2))
        .seconds(|s| s == 10 || s == 50),
];

/// The dates of an expression.
pub(super) struct Days {
    /// The day of month, the month and the day of week.
    pub(super) text: &'static str,
    pub(super) has: fn(Day) -> bool,
}

/// A date in numbers.
#[derive(Clone, Copy)]
pub(super) struct Day {
    date: NaiveDate,
    day: u32,
    month: u32,
    /// Sunday is 0.
    weekday: u32,
    /// The last day of its month.
    last: u32,
}

impl Day {
    pub(super) fn of(date: NaiveDate) -> Self {
        Self {
            date,
            day: date.day(),
            month: date.month(),
            weekday: date.weekday().num_days_from_sunday(),
            last: Month::of(date).days().max().unwrap_or_default(),
        }
    }

    fn is_nearest_working_day(self, day: u32) -> bool {
        Month::of(self.date).nearest_working_day(day) == Some(self.day)
    }

    fn is_last_working_day(self) -> bool {
        Month::of(self.date).working_days().max() == Some(self.day)
    }
}

const fn days(text: &'static str, has: fn(Day) -> bool) -> Days {
    Days { text, has }
}

pub(super) const DAYS: &[Days] = &[
    days("* * *", |_| true),
    days("* * SUN", |d| d.weekday == 0),
    days("? * 6,7", |d| d.weekday == 6 || d.weekday == 0),
    days("* * MON-FRI", |d| (1..=5).contains(&d.weekday)),
    days("*/2 * *", |d| d.day % 2 == 1),
    days("25-31 3,10 *", |d| {
        d.day >= 25 && (d.month == 3 || d.month == 10)
    }),
    days("1 * *", |d| d.day == 1),
    // Either of two restricted days; both if one begins with a star.
    days("1-7 * SUN", |d| d.day <= 7 || d.weekday == 0),
    days("*/2 * SUN", |d| d.day % 2 == 1 && d.weekday == 0),
    days("29 * */2", |d| d.day == 29 && d.weekday % 2 == 0),
    // By the calendar.
    days("L * *", |d| d.day == d.last),
    days("L-6 * *", |d| d.day + 6 == d.last),
    days("1,L-2,L * ?", |d| {
        d.day == 1 || d.day + 2 == d.last || d.day == d.last
    }),
    days("LW * *", Day::is_last_working_day),
    days("1W,31W * *", |d| {
        d.is_nearest_working_day(1) || d.is_nearest_working_day(31)
    }),
    days("28W 2,3,10 *", |d| {
        [2, 3, 10].contains(&d.month) && d.is_nearest_working_day(28)
    }),
    days("L,15W * *", |d| {
        d.day == d.last || d.is_nearest_working_day(15)
    }),
    days("* * SUNL", |d| d.weekday == 0 && d.day + 7 > d.last),
    days("* * 7#2,SUN#1", |d| d.weekday == 0 && d.day <= 14),
    days("? * 5#5", |d| d.weekday == 5 && d.day > 28),
    days("L * SATL", |d| {
        d.day == d.last || (d.weekday == 6 && d.day + 7 > d.last)
    }),
    days("*/3 * SUNL", |d| {
        d.day % 3 == 1 && d.weekday == 0 && d.day + 7 > d.last
    }),
];
