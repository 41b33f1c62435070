//! Turns what users write into what the `cron` crate reads.
//!
//! That crate wants six fields, counts Sunday as 1 and lets a date match only if both day fields
//! do. Here an expression is read in crontab's meaning and written anew in the crate's.

use std::ops::Range;

use crate::days::Days;
use crate::error::ParseError;
use crate::field::Field;
use crate::token::Token;
use crate::values::Values;

/// The longest expression, in bytes. All values of all fields, one by one, take about 560.
pub const EXPRESSION_BYTES_MAX: usize = 1024;

/// What each macro stands for; all names are lowercase.
const MACROS: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// An expression that was read and checked field by field.
#[derive(Clone, Debug)]
pub(crate) struct Normalized {
    second: Values,
    minute: Values,
    hour: Values,
    day_of_month: Values,
    month: Values,
    day_of_week: Values,
    /// Where the day of month and the month stand, for the error that they never meet.
    pub(crate) date: Range<usize>,
    /// The same with the day of week.
    pub(crate) days: Range<usize>,
}

impl Normalized {
    pub(crate) fn read(source: &str) -> Result<Self, ParseError> {
        let whole = Token::whole(source);
        if source.len() > EXPRESSION_BYTES_MAX {
            return Err(ParseError::TooLong { span: whole.span() });
        }
        let words: Vec<_> = whole.words().collect();
        match words.as_slice() {
            [] => Err(ParseError::Empty { span: whole.span() }),
            [name, rest @ ..] if name.text.starts_with('@') => {
                let expansion = expand(*name, rest.first().copied())?;
                let words: Vec<_> = Token::whole(expansion).words().collect();
                Self::from_words(&words)
            }
            words => Self::from_words(words),
        }
    }

    fn from_words(words: &[Token<'_>]) -> Result<Self, ParseError> {
        let (second, rest) = match words {
            [second, rest @ ..] if rest.len() == 5 => (Some(*second), rest),
            rest => (None, rest),
        };
        let &[minute, hour, day_of_month, month, day_of_week] = rest else {
            return Err(field_count(words));
        };
        Ok(Self {
            second: match second {
                Some(token) => Values::read(Field::Second, token)?,
                None => Values::one(Field::Second, 0),
            },
            minute: Values::read(Field::Minute, minute)?,
            hour: Values::read(Field::Hour, hour)?,
            day_of_month: Values::read(Field::DayOfMonth, day_of_month)?,
            month: Values::read(Field::Month, month)?,
            day_of_week: Values::read(Field::DayOfWeek, day_of_week)?,
            date: day_of_month.span().start..month.span().end,
            days: day_of_month.span().start..day_of_week.span().end,
        })
    }

    /// Whether the minute or the hour starts with `*`.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.minute.starred || self.hour.starred
    }

    /// The same in the `cron` crate's language, but for what [`special_days`](Self::special_days)
    /// holds. A time matches if any of these does: that crate wants both day fields to match, so
    /// "either" takes two.
    pub(crate) fn to_cron(&self) -> Vec<String> {
        let every_month_day = Values::every(Field::DayOfMonth);
        let every_weekday = Values::every(Field::DayOfWeek);
        if self.special_days().is_some() {
            return vec![self.with_days(&every_month_day, &every_weekday)];
        }
        if self.day_of_month.starred || self.day_of_week.starred {
            return vec![self.with_days(&self.day_of_month, &self.day_of_week)];
        }
        vec![
            self.with_days(&self.day_of_month, &every_weekday),
            self.with_days(&every_month_day, &self.day_of_week),
        ]
    }

    /// The days, if the `cron` crate cannot tell them.
    pub(crate) fn special_days(&self) -> Option<Days> {
        if self.day_of_month.rules.is_empty() && self.day_of_week.rules.is_empty() {
            return None;
        }
        Some(Days {
            day_of_month: self.day_of_month.clone(),
            month: self.month.clone(),
            day_of_week: self.day_of_week.clone(),
        })
    }

    fn with_days(&self, day_of_month: &Values, day_of_week: &Values) -> String {
        let Self {
            second,
            minute,
            hour,
            month,
            ..
        } = self;
        format!("{second} {minute} {hour} {day_of_month} {month} {day_of_week}")
    }
}

/// Looks up a macro.
fn expand(name: Token<'_>, next: Option<Token<'_>>) -> Result<&'static str, ParseError> {
    let token = name.text.to_owned();
    let span = name.span();
    let known = name.text.to_ascii_lowercase();
    let hint = match known.as_str() {
        "@reboot" => "enqueue the job when the program starts",
        "@every" => "use `every = \"5m\"` for an interval",
        _ => "",
    };
    if !hint.is_empty() {
        return Err(ParseError::NotCalendar { token, hint, span });
    }
    let Some((_, expansion)) = MACROS.iter().find(|(name, _)| *name == known) else {
        return Err(ParseError::UnknownMacro { token, span });
    };
    match next {
        Some(next) => Err(ParseError::AfterMacro {
            token: next.text.to_owned(),
            span: next.span(),
        }),
        None => Ok(expansion),
    }
}

fn field_count(words: &[Token<'_>]) -> ParseError {
    let start = words.first().map_or(0, |word| word.span().start);
    let end = words.last().map_or(0, |word| word.span().end);
    ParseError::FieldCount {
        found: words.len(),
        span: start..end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crontab_becomes_what_the_cron_crate_reads() {
        let cases: &[(&str, &[&str])] = &[
            ("* * * * *", &["0 * * * * *"]),
            ("5 * * * * *", &["5 * * * * *"]),
            ("*/20 3,1 10-12 * * *", &["0,20,40 1,3 10,11,12 * * *"]),
            ("7/20 * * * *", &["0 7,27,47 * * * *"]),
            ("10-30/10 * * * *", &["0 10,20,30 * * * *"]),
            ("0-59 0-23 * 1-12 *", &["0 * * * * *"]),
            ("0 0 ? jAn,DEC ?", &["0 0 0 * 1,12 *"]),
            ("0 0 1/10 */4 *", &["0 0 0 1,11,21,31 1,5,9 *"]),
            ("*/60 */24 * */12 *", &["0 0 0 * 1 *"]),
            // Days of the week, where Sunday is 0 and 7 here and 1 there.
            ("0 0 * * 0", &["0 0 0 * * 1"]),
            ("0 0 * * 7", &["0 0 0 * * 1"]),
            ("0 0 * * 1", &["0 0 0 * * 2"]),
            ("0 0 * * sat", &["0 0 0 * * 7"]),
            ("0 0 * * 5-7", &["0 0 0 * * 1,6,7"]),
            ("0 0 * * FRI-SUN", &["0 0 0 * * 1,6,7"]),
            ("0 0 * * SUN-TUE", &["0 0 0 * * 1,2,3"]),
            ("0 0 * * SUN-SUN", &["0 0 0 * * 1"]),
            ("0 0 * * 0-7", &["0 0 0 * * *"]),
            ("0 0 * * 1-7", &["0 0 0 * * *"]),
            ("0 0 * * 0-6", &["0 0 0 * * *"]),
            ("0 0 * * 1-5/2", &["0 0 0 * * 2,4,6"]),
            ("0 0 * * 1-7/2", &["0 0 0 * * 1,2,4,6"]),
            ("0 0 * * 0-7/7", &["0 0 0 * * 1"]),
            ("0 0 * * */2", &["0 0 0 * * 1,3,5,7"]),
            ("0 0 * * */7", &["0 0 0 * * 1"]),
            ("0 0 * * 1/2", &["0 0 0 * * 2,4,6"]),
            ("0 0 * * MON/3", &["0 0 0 * * 2,5"]),
            ("0 0 * * 7/3", &["0 0 0 * * 1,4,7"]),
            ("0 0 * * 7,1,MON", &["0 0 0 * * 1,2"]),
            // Both days restricted: either; a star in front: both.
            ("0 0 13 * FRI", &["0 0 0 13 * *", "0 0 0 * * 6"]),
            ("0 0 1-31 * FRI", &["0 0 0 * * *", "0 0 0 * * 6"]),
            ("0 0 */15 * FRI", &["0 0 0 1,16,31 * 6"]),
            ("0 0 13 * */5", &["0 0 0 13 * 1,6"]),
            ("0 0 *,13 * FRI", &["0 0 0 * * 6"]),
            ("0 0 ? * FRI", &["0 0 0 * * 6"]),
            // Days by the calendar, which this crate looks for.
            ("0 0 L * *", &["0 0 0 * * *"]),
            ("0 0 1,15W JAN,7 *", &["0 0 0 * 1,7 *"]),
            ("0 0 13 * FRI#2", &["0 0 0 * * *"]),
            // Macros.
            ("@hourly", &["0 0 * * * *"]),
            ("@daily", &["0 0 0 * * *"]),
            (" @Midnight ", &["0 0 0 * * *"]),
            ("@weekly", &["0 0 0 * * 1"]),
            ("@monthly", &["0 0 0 1 * *"]),
            ("@yearly", &["0 0 0 1 1 *"]),
            ("@annually", &["0 0 0 1 1 *"]),
        ];
        for (source, expected) in cases {
            let cron = Normalized::read(source).unwrap().to_cron();

            assert_eq!(cron, *expected, "{source}");
        }
    }
}
