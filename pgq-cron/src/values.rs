//! Reads one field into the set of its values.

use std::fmt;

use chrono::NaiveDate;

use crate::days::DayRule;
use crate::error::ParseError;
use crate::field::Field;
use crate::token::{Token, is_number};

/// The values of one field. Days of the week are 0 to 6, Sunday first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values {
    field: Field,
    /// Bit `n` is set if value `n` is in the set.
    bits: u64,
    /// Whether the field starts with `*` or is `?`: crontab decides by this, not by the values,
    /// whether a field is restricted.
    pub(crate) starred: bool,
    /// What `L`, `W` and `#` add; only day fields have any.
    pub(crate) rules: Vec<DayRule>,
}

impl Values {
    /// `*`.
    pub(crate) fn every(field: Field) -> Self {
        Self {
            field,
            bits: bits(field.every()),
            starred: true,
            rules: Vec::new(),
        }
    }

    /// One value; it must be one of the field.
    pub(crate) fn one(field: Field, value: u8) -> Self {
        Self {
            field,
            bits: bits([value]),
            starred: false,
            rules: Vec::new(),
        }
    }

    /// Reads the text of one field.
    pub(crate) fn read(field: Field, token: Token<'_>) -> Result<Self, ParseError> {
        if token.text == "?" && field.is_day() {
            return Ok(Self::every(field));
        }
        if token.text == "?" {
            let span = token.span();
            return Err(ParseError::QuestionMark { field, span });
        }
        let mut values = Self {
            field,
            bits: 0,
            starred: token.text.starts_with('*'),
            rules: Vec::new(),
        };
        for item in token.split(',') {
            if item.text.is_empty() {
                return Err(ParseError::EmptyItem {
                    field,
                    token: token.text.to_owned(),
                    span: token.span(),
                });
            }
            let rule = match field.is_day() {
                true => DayRule::read(field, item)?,
                false => None,
            };
            match rule {
                Some(rule) => values.rules.push(rule),
                None => values.bits |= read_item(field, item)?,
            }
        }
        Ok(values)
    }

    /// Whether the value is one that is written as a number.
    pub(crate) fn has(&self, value: u32) -> bool {
        value < u64::BITS && self.bits & (1 << value) != 0
    }

    /// Whether a day is one of the numbers, or by a rule one of the month of `date`.
    pub(crate) fn has_day(&self, value: u32, date: NaiveDate) -> bool {
        self.has(value) || self.rules.iter().any(|rule| rule.matches(date))
    }
}

/// The values as the `cron` crate reads them: its days of the week count from 1, Sunday first.
impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == bits(self.field.every()) {
            return f.write_str("*");
        }
        let shift = u8::from(self.field == Field::DayOfWeek);
        let mut comma = "";
        for value in self.field.every() {
            if self.bits & bits([value]) != 0 {
                write!(f, "{comma}{}", value + shift)?;
                comma = ",";
            }
        }
        Ok(())
    }
}

fn bits(values: impl IntoIterator<Item = u8>) -> u64 {
    values.into_iter().fold(0, |bits, value| bits | 1 << value)
}

/// Reads one item of a list: `*`, a value or a range, with or without a step.
fn read_item(field: Field, item: Token<'_>) -> Result<u64, ParseError> {
    let (body, step) = match item.split_once('/') {
        Some((body, step)) => (body, Some(step)),
        None => (item, None),
    };
    let every = field.every();
    let (first, last) = if body.text == "*" {
        (*every.start(), *every.end())
    } else if let Some((first, last)) = body.split_once('-') {
        read_range(field, item, body, first, last)?
    } else {
        let value = read_value(field, item, body)?;
        match step {
            // 7 is a Sunday, and with a step the week starts there.
            Some(_) if !every.contains(&value) => (*every.start(), *every.end()),
            Some(_) => (value, *every.end()),
            None => (value, value),
        }
    };
    let step = step.map_or(Ok(1), |step| read_step(field, item, step))?;
    let values = (first..=last).step_by(step);
    Ok(bits(values.map(|value| match field {
        Field::DayOfWeek => value % 7,
        _ => value,
    })))
}

/// Reads `first-last`. `SUN` at the end of a range is the end of the week, as in `FRI-SUN`.
fn read_range(
    field: Field,
    item: Token<'_>,
    body: Token<'_>,
    first_token: Token<'_>,
    last_token: Token<'_>,
) -> Result<(u8, u8), ParseError> {
    let first = read_value(field, item, first_token)?;
    let mut last = read_value(field, item, last_token)?;
    let named = first_token
        .text
        .starts_with(|c: char| c.is_ascii_alphabetic());
    if field == Field::DayOfWeek && last == 0 && first > 0 && !is_number(last_token.text) {
        last = 7;
    }
    if first <= last {
        return Ok((first, last));
    }
    Err(ParseError::Reversed {
        field,
        token: body.text.to_owned(),
        forwards: forwards(field, first, last, named),
        span: body.span(),
    })
}

/// The values from `first` over the end of the field to `last`, as ranges that run forwards.
fn forwards(field: Field, first: u8, last: u8, named: bool) -> String {
    let show = |value: u8| match field.name_of(value) {
        Some(name) if named => name.to_owned(),
        _ => value.to_string(),
    };
    let every = field.every();
    if !every.contains(&first) {
        return format!("{}-{}", show(*every.start()), show(last));
    }
    if field == Field::DayOfWeek && last == 0 {
        return format!("{}-7", show(first));
    }
    format!(
        "{}-{},{}-{}",
        show(first),
        show(*every.end()),
        show(*every.start()),
        show(last)
    )
}

/// Reads a number or a name of `item`, which stands at `token`.
pub(crate) fn read_value(
    field: Field,
    item: Token<'_>,
    token: Token<'_>,
) -> Result<u8, ParseError> {
    if is_number(token.text) {
        return match token.text.parse() {
            Ok(value) if field.range().contains(&value) => Ok(value),
            _ => Err(ParseError::OutOfRange {
                field,
                token: token.text.to_owned(),
                span: token.span(),
            }),
        };
    }
    if token.text.is_empty() || !token.text.chars().all(char::is_alphabetic) {
        return Err(malformed(field, item));
    }
    field
        .value_of(token.text)
        .ok_or_else(|| ParseError::UnknownName {
            field,
            token: token.text.to_owned(),
            span: token.span(),
        })
}

fn read_step(field: Field, item: Token<'_>, token: Token<'_>) -> Result<usize, ParseError> {
    if !is_number(token.text) {
        return Err(malformed(field, item));
    }
    match token.text.parse() {
        Ok(0) => Err(ParseError::StepZero {
            field,
            span: token.span(),
        }),
        Ok(step) if step <= field.size() => Ok(step),
        _ => Err(ParseError::StepTooLarge {
            field,
            token: token.text.to_owned(),
            span: token.span(),
        }),
    }
}

fn malformed(field: Field, item: Token<'_>) -> ParseError {
    ParseError::Malformed {
        field,
        token: item.text.to_owned(),
        span: item.span(),
    }
}
