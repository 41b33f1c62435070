//! `L`, `W` and `#`: days whose number depends on the month.
//!
//! The `cron` crate does not know them, so they are read and matched here.

use chrono::{Datelike, NaiveDate, Weekday};

use crate::error::ParseError;
use crate::field::Field;
use crate::token::{Token, is_number};
use crate::values::read_value;

/// How often a weekday may come in a month.
const WEEKS_MAX: u32 = 5;

/// How far before the end of a month its first day may be.
const FROM_END_MAX: u8 = 30;

/// A day of each month, found by its calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DayRule {
    /// `L-3`: so many days before the last day; `L` is 0.
    FromEnd(u8),
    /// `15W`: the working day, Monday to Friday, that is nearest to that day, in the same month.
    Nearest(u8),
    /// `LW`: the last working day.
    LastWorkingDay,
    /// `FRI#2`: a weekday, and which one of the month, from 1. Sunday is 0.
    Nth(u8, u32),
    /// `FRIL`: a weekday, and the last one of the month. Sunday is 0.
    LastOf(u8),
}

impl DayRule {
    /// Reads an item of a day field; `None` if it is another item.
    pub(crate) fn read(field: Field, item: Token<'_>) -> Result<Option<Self>, ParseError> {
        if let Some((weekday, nth)) = item.split_once('#') {
            return match field {
                Field::DayOfWeek => read_nth(item, weekday, nth).map(Some),
                _ => Err(error(field, item, COUNTS_WEEKDAYS)),
            };
        }
        let text = item.text.to_ascii_uppercase();
        let Some(form) = Form::of(&text) else {
            let of_rules = text.split(['-', '/']).any(|part| Form::of(part).is_some());
            return match of_rules {
                true => Err(error(field, item, STANDS_ALONE)),
                false => Ok(None),
            };
        };
        match field {
            Field::DayOfMonth => form.day_of_month(item).map(Some),
            _ => form.day_of_week(item).map(Some),
        }
    }

    pub(crate) fn matches(self, date: NaiveDate) -> bool {
        let day = date.day();
        let last = days_of_month(date);
        let weekday = || date.weekday().num_days_from_sunday();
        match self {
            Self::FromEnd(days) => day + u32::from(days) == last,
            Self::Nearest(nominal) => nearest(date, u32::from(nominal), last) == Some(day),
            Self::LastWorkingDay => nearest(date, last, last) == Some(day),
            Self::Nth(of, nth) => weekday() == u32::from(of) && (day - 1) / 7 + 1 == nth,
            Self::LastOf(of) => weekday() == u32::from(of) && day + 7 > last,
        }
    }
}

/// The working day nearest to a day of the month of `date`; `None` if the month is too short.
fn nearest(date: NaiveDate, nominal: u32, last: u32) -> Option<u32> {
    match date.with_day(nominal)?.weekday() {
        Weekday::Sat if nominal == 1 => Some(3),
        Weekday::Sat => Some(nominal - 1),
        Weekday::Sun if nominal == last => Some(nominal - 2),
        Weekday::Sun => Some(nominal + 1),
        _ => Some(nominal),
    }
}

fn days_of_month(date: NaiveDate) -> u32 {
    (29..=31)
        .rev()
        .find(|day| date.with_day(*day).is_some())
        .unwrap_or(28)
}

/// What an item without `#` looks like; whether it is allowed is another question.
enum Form {
    /// `L`.
    Last,
    /// `L-3`; `None` if the number is larger than any that could be meant.
    FromEnd(Option<u8>),
    /// `W`, or `WL`.
    NoDay,
    /// `LW`.
    LastWorkingDay,
    /// `15W`.
    Nearest,
    /// `5L` or `FRIL`.
    LastOf,
}

impl Form {
    /// `text` is in upper case.
    fn of(text: &str) -> Option<Self> {
        let is_day = |text: &str| is_number(text) || Field::DayOfWeek.value_of(text).is_some();
        if let Some(days) = text.strip_prefix("L-") {
            return is_number(days).then(|| Self::FromEnd(days.parse().ok()));
        }
        match text {
            "L" => Some(Self::Last),
            "W" | "WL" => Some(Self::NoDay),
            "LW" => Some(Self::LastWorkingDay),
            _ if text.strip_suffix('W').is_some_and(is_day) => Some(Self::Nearest),
            _ if text.strip_suffix('L').is_some_and(is_day) => Some(Self::LastOf),
            _ => None,
        }
    }

    fn day_of_month(self, item: Token<'_>) -> Result<DayRule, ParseError> {
        let field = Field::DayOfMonth;
        match self {
            Self::Last => Ok(DayRule::FromEnd(0)),
            Self::FromEnd(Some(days @ 1..=FROM_END_MAX)) => Ok(DayRule::FromEnd(days)),
            Self::FromEnd(Some(0)) => Err(error(field, item, NONE_BEFORE)),
            Self::FromEnd(_) => Err(error(field, item, TOO_FAR_BEFORE)),
            Self::NoDay => Err(error(field, item, NEAREST_TO_WHICH)),
            Self::LastWorkingDay => Ok(DayRule::LastWorkingDay),
            Self::Nearest => read_value(field, item, item.without_last()).map(DayRule::Nearest),
            Self::LastOf => Err(error(field, item, COUNTS_WEEKDAYS)),
        }
    }

    fn day_of_week(self, item: Token<'_>) -> Result<DayRule, ParseError> {
        let field = Field::DayOfWeek;
        match self {
            Self::Last => Err(error(field, item, LAST_OF_WHICH)),
            Self::LastOf => read_weekday(item, item.without_last()).map(DayRule::LastOf),
            Self::FromEnd(_) | Self::NoDay | Self::LastWorkingDay | Self::Nearest => {
                Err(error(field, item, COUNTS_DAYS))
            }
        }
    }
}

/// Reads `FRI#2`.
fn read_nth(item: Token<'_>, weekday: Token<'_>, nth: Token<'_>) -> Result<DayRule, ParseError> {
    let field = Field::DayOfWeek;
    if weekday.text.contains(['-', '/']) || nth.text.contains(['-', '/']) {
        return Err(error(field, item, STANDS_ALONE));
    }
    if weekday.text.is_empty() || weekday.text == "*" || !is_number(nth.text) {
        return Err(error(field, item, WHICH_OF_WHICH));
    }
    let weekday = read_weekday(item, weekday)?;
    match nth.text.parse() {
        Ok(nth @ 1..=WEEKS_MAX) => Ok(DayRule::Nth(weekday, nth)),
        _ => Err(error(field, item, AT_MOST_FIVE)),
    }
}

fn read_weekday(item: Token<'_>, token: Token<'_>) -> Result<u8, ParseError> {
    read_value(Field::DayOfWeek, item, token).map(|weekday| weekday % 7)
}

const LAST_OF_WHICH: &str = "name the weekday, as in `FRIL` for the last Friday of the month, or \
                             write `L` as the day of month for its last day";
const NEAREST_TO_WHICH: &str = "name the day, as in `15W` for the working day nearest to the 15th, or \
                                write `LW` for the last one";
const NONE_BEFORE: &str = "write `L` for the last day";
const TOO_FAR_BEFORE: &str = "no month has as many days before its last one; write `L-1` to `L-30`";
const COUNTS_WEEKDAYS: &str =
    "it is about a weekday; write it in the day of week field, the last one";
const COUNTS_DAYS: &str = "it is about a day of the month; write it in the day of month field";
const WHICH_OF_WHICH: &str = "`#` stands between a weekday and a number, as in `FRI#2` for the second \
                              Friday of the month";
const AT_MOST_FIVE: &str = "a month has a weekday five times at most; write `#1` to `#5`, or `FRIL` for \
                            the last one";
const STANDS_ALONE: &str = "`L`, `W` and `#` take neither a range nor a step; list the days, as in \
                            `MON#1,TUE#1` or `L-1,L`";

fn error(field: Field, item: Token<'_>, hint: &'static str) -> ParseError {
    ParseError::DayRule {
        field,
        token: item.text.to_owned(),
        hint,
        span: item.span(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect(text)
    }

    /// The days of a month on which an item ticks.
    fn days(field: Field, item: &str, month: &str) -> Vec<u32> {
        let rule = DayRule::read(field, Token::whole(item)).unwrap().unwrap();
        let first = date(&format!("{month}-01"));
        let dates = first
            .iter_days()
            .take_while(|day| day.month() == first.month());
        dates
            .filter(|date| rule.matches(*date))
            .map(|date| date.day())
            .collect()
    }

    #[test]
    fn a_rule_finds_its_day_by_the_calendar() {
        let (month, week) = (Field::DayOfMonth, Field::DayOfWeek);
        let cases: &[(Field, &str, &str, &[u32])] = &[
            (month, "L", "2026-02", &[28]),
            (month, "l", "2028-02", &[29]),
            (month, "L", "2026-04", &[30]),
            (month, "L-3", "2026-01", &[28]),
            (month, "L-30", "2026-01", &[1]),
            (month, "L-30", "2026-04", &[]),
            // 15 August 2026 is a Saturday, 15 November a Sunday, 15 September a Tuesday.
            (month, "15W", "2026-08", &[14]),
            (month, "15W", "2026-11", &[16]),
            (month, "15w", "2026-09", &[15]),
            // It stays in its month: 1 August is a Saturday, 1 November a Sunday, 31 May a Sunday,
            // 31 October a Saturday, and there is no 31 April.
            (month, "1W", "2026-08", &[3]),
            (month, "1W", "2026-11", &[2]),
            (month, "31W", "2026-05", &[29]),
            (month, "31W", "2026-10", &[30]),
            (month, "31W", "2026-04", &[]),
            (month, "LW", "2026-02", &[27]),
            (month, "LW", "2026-05", &[29]),
            (month, "Lw", "2026-06", &[30]),
            (week, "FRI#2", "2026-05", &[8]),
            (week, "5#5", "2026-05", &[29]),
            (week, "5#5", "2026-06", &[]),
            (week, "0#1", "2026-05", &[3]),
            (week, "7#1", "2026-05", &[3]),
            (week, "5L", "2026-05", &[29]),
            (week, "friL", "2026-06", &[26]),
            (week, "SUNL", "2026-05", &[31]),
            (week, "7L", "2026-02", &[22]),
        ];
        for (field, item, in_month, expected) in cases {
            let found = days(*field, item, in_month);
            assert_eq!(found, *expected, "{item} in {in_month}");
        }
    }

    #[test]
    fn an_item_without_a_rule_is_left_to_others() {
        for (field, item) in [
            (Field::DayOfMonth, "1-5"),
            (Field::DayOfMonth, "noon"),
            (Field::DayOfWeek, "WED"),
            (Field::DayOfWeek, "WED-FRI/2"),
            (Field::DayOfWeek, "APRIL"),
            (Field::DayOfWeek, "*/2"),
        ] {
            let read = DayRule::read(field, Token::whole(item));
            assert_eq!(read, Ok(None), "{item}");
        }
    }
}
