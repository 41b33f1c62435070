//! Random expressions against a matcher that does not parse and does not search: it walks along the
//! time line and asks each field, as it was made up, whether it matches.

mod field;
pub(crate) mod month;

use std::fmt;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use fastrand::Rng;
use pgq_cron::{Expression, ParseError};

use field::Field;
use month::Month;

const EXPRESSIONS: usize = 600;
/// How far the walk goes; two leap days are always in it.
const WALK_DAYS: u64 = 9 * 366;
const TICKS_MAX: usize = 100;
const MONTHS: &[&str] = &[
    "jan", "FEB", "Mar", "APR", "may", "JUN", "JUL", "aug", "SEP", "OCT", "nov", "DEC",
];
/// By the numbers of crontab, from 0; 7 is written as a number.
const WEEKDAYS: &[&str] = &["SUN", "mon", "TUE", "Wed", "THU", "FRI", "sat"];

#[test]
fn ticks_are_those_of_a_walk_through_time() {
    let seed = match std::env::var("PGQ_CRON_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 2026,
    };
    println!("PGQ_CRON_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let (mut expressions, mut ticks_compared) = (0, 0);
    while expressions < EXPRESSIONS {
        let written = Written::random(&mut random);
        let after = random_time(&mut random);
        let expected = written.walk(after);

        let context = format!("`{written}` after {after}, PGQ_CRON_SEED={seed}");
        let expression = match Expression::parse(&written.to_string()) {
            Err(ParseError::NeverMatches { .. } | ParseError::DaysNeverMeet { .. })
                if expected.is_empty() =>
            {
                continue;
            }
            result => result.unwrap_or_else(|error| panic!("{error}: {context}")),
        };
        let end = (after.date() + Days::new(WALK_DAYS)).and_time(NaiveTime::MIN);
        let ticks: Vec<_> = expression
            .ticks_after(after)
            .take_while(|tick| *tick < end)
            .take(TICKS_MAX)
            .collect();

        assert_eq!(ticks, expected, "{context}");
        expressions += 1;
        ticks_compared += ticks.len();
    }
    assert!(
        ticks_compared > EXPRESSIONS * TICKS_MAX / 2,
        "only {ticks_compared} ticks"
    );
}

/// An expression as it is written.
struct Written {
    second: Option<Field>,
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month: Field,
    day_of_week: Field,
}

impl Written {
    fn random(random: &mut Rng) -> Self {
        let six_fields = random.u32(0..3) == 0;
        let mut field = |range, names| Field::random(random, range, names);
        Self {
            second: six_fields.then(|| field((0, 59), &[])),
            minute: field((0, 59), &[]),
            hour: field((0, 23), &[]),
            day_of_month: field((1, 31), &[]),
            month: field((1, 12), MONTHS),
            day_of_week: field((0, 7), WEEKDAYS),
        }
    }

    fn has_date(&self, date: NaiveDate) -> bool {
        if !self.month.matches(date.month()) {
            return false;
        }
        let (month, day) = (Month::of(date), date.day());
        let weekday = date.weekday().num_days_from_sunday();
        let day_of_month = self.day_of_month.matches(day) || self.day_of_month.means(&month, day);
        let day_of_week = self.day_of_week.matches(weekday) || self.day_of_week.means(&month, day);
        match self.day_of_month.is_starred() || self.day_of_week.is_starred() {
            true => day_of_month && day_of_week,
            false => day_of_month || day_of_week,
        }
    }

    fn has_second(&self, second: u32) -> bool {
        match &self.second {
            Some(field) => field.matches(second),
            None => second == 0,
        }
    }

    /// Walks from `after` on: day by day, minute by minute, second by second.
    fn walk(&self, after: NaiveDateTime) -> Vec<NaiveDateTime> {
        let mut ticks = Vec::new();
        let mut date = after.date();
        let end = date + Days::new(WALK_DAYS);
        while date < end {
            if self.has_date(date) {
                for minute in 0..24 * 60 {
                    if !self.hour.matches(minute / 60) || !self.minute.matches(minute % 60) {
                        continue;
                    }
                    let seconds = (0..60).filter(|second| self.has_second(*second));
                    ticks.extend(
                        seconds
                            .filter_map(|second| date.and_hms_opt(minute / 60, minute % 60, second))
                            .filter(|tick| *tick > after),
                    );
                    if ticks.len() >= TICKS_MAX {
                        ticks.truncate(TICKS_MAX);
                        return ticks;
                    }
                }
            }
            date = date + Days::new(1);
        }
        ticks
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(second) = &self.second {
            write!(f, "{second} ")?;
        }
        let Self {
            minute,
            hour,
            day_of_month,
            month,
            day_of_week,
            ..
        } = self;
        write!(f, "{minute} {hour} {day_of_month} {month} {day_of_week}")
    }
}

/// Often in the last seconds of a month or a year, where the carry is long.
fn random_time(random: &mut Rng) -> NaiveDateTime {
    let first = NaiveDate::from_ymd_opt(random.i32(1975..2085), random.u32(1..=12), 1).unwrap();
    let start = first.and_hms_opt(0, 0, 0).unwrap();
    let seconds = match random.u32(0..3) {
        0 => random.i64(-2..=2),
        _ => random.i64(0..28 * 86_400),
    };
    start + TimeDelta::milliseconds(seconds * 1000 + random.i64(0..2) * 500)
}
