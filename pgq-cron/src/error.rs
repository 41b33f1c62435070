//! What can be wrong with an expression.

use std::ops::Range;

use crate::field::Field;
use crate::normalize::EXPRESSION_BYTES_MAX;

/// Why an expression was refused.
///
/// Each message names the offending part and says what to write instead; [`span`](Self::span)
/// tells where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Nothing but white space.
    #[error("the expression is empty: write five fields such as `0 3 * * *`, or `@daily`")]
    Empty {
        /// The whole expression.
        span: Range<usize>,
    },

    /// More than [`EXPRESSION_BYTES_MAX`] bytes.
    #[error(
        "the expression has {} bytes: shorten it to {EXPRESSION_BYTES_MAX}, with ranges and steps",
        span.len()
    )]
    TooLong {
        /// The whole expression.
        span: Range<usize>,
    },

    /// Neither five nor six fields.
    #[error(
        "expected five fields (minute, hour, day of month, month, day of week) or six \
         (second first), found {found}{}",
        if *found == 7 { ": a year field is not supported" } else { "" }
    )]
    FieldCount {
        /// How many fields there are.
        found: usize,
        /// All fields.
        span: Range<usize>,
    },

    /// A word that starts with `@` and is not known.
    #[error(
        "unknown macro `{token}`: expected `@hourly`, `@daily`, `@midnight`, `@weekly`, \
         `@monthly`, `@yearly` or `@annually`"
    )]
    UnknownMacro {
        /// The word as written.
        token: String,
        /// The word.
        span: Range<usize>,
    },

    /// `@reboot` or `@every`, which other crons know and which are not times of the calendar.
    #[error("`{token}` is not a time of the calendar: {hint}")]
    NotCalendar {
        /// The word as written.
        token: String,
        /// What to use instead.
        hint: &'static str,
        /// The word.
        span: Range<usize>,
    },

    /// Something follows a macro such as `@daily`.
    #[error("`{token}` after a macro: a macro stands alone, remove what follows it")]
    AfterMacro {
        /// The first word after the macro.
        token: String,
        /// That word.
        span: Range<usize>,
    },

    /// A list with nothing between two commas, or a comma at an end.
    #[error("`{token}` in the {field} field has an empty item: remove the extra comma")]
    EmptyItem {
        /// The field it stands in.
        field: Field,
        /// The field as written.
        token: String,
        /// The field.
        span: Range<usize>,
    },

    /// Not a value, a range, `*`, or one of them with a step.
    #[error(
        "cannot read `{token}` in the {field} field: expected `*`, a value or a range such as \
         `1-5`, each with an optional step such as `/2`"
    )]
    Malformed {
        /// The field it stands in.
        field: Field,
        /// The item of the list as written.
        token: String,
        /// The item.
        span: Range<usize>,
    },

    /// `?` outside the day fields.
    #[error("`?` in the {field} field: only the day fields take it, write `*`")]
    QuestionMark {
        /// The field it stands in.
        field: Field,
        /// The question mark.
        span: Range<usize>,
    },

    /// A number that the field does not have.
    #[error("`{token}` is out of range for the {field} field: expected {}", field.allowed())]
    OutOfRange {
        /// The field it stands in; [`Field::range`] is what it allows.
        field: Field,
        /// The number as written.
        token: String,
        /// The number.
        span: Range<usize>,
    },

    /// A word that the field does not have.
    #[error("unknown name `{token}` in the {field} field: expected {}", field.allowed())]
    UnknownName {
        /// The field it stands in.
        field: Field,
        /// The word as written.
        token: String,
        /// The word.
        span: Range<usize>,
    },

    /// A range whose end comes before its start.
    #[error("the range `{token}` in the {field} field runs backwards: write `{forwards}`")]
    Reversed {
        /// The field it stands in.
        field: Field,
        /// The range as written, without a step.
        token: String,
        /// The same values in ranges that run forwards.
        forwards: String,
        /// The range.
        span: Range<usize>,
    },

    /// A step of 0.
    #[error("a step of 0 in the {field} field never moves on: write 1 or more")]
    StepZero {
        /// The field it stands in.
        field: Field,
        /// The step.
        span: Range<usize>,
    },

    /// A step larger than the number of values of the field, such as `*/90` in minutes.
    #[error(
        "a step of {token} is too large for the {field} field: steps start anew with each {}, \
         write at most {}",
        field.carries_into(), field.size()
    )]
    StepTooLarge {
        /// The field it stands in.
        field: Field,
        /// The step as written.
        token: String,
        /// The step.
        span: Range<usize>,
    },

    /// `L`, `W` or `#` where it means nothing.
    #[error("`{token}` in the {field} field: {hint}")]
    DayRule {
        /// The field it stands in.
        field: Field,
        /// The item of the list as written.
        token: String,
        /// What to write instead.
        hint: &'static str,
        /// The item.
        span: Range<usize>,
    },

    /// No month of the expression has a day of the expression.
    #[error("`{token}` never matches a date: change the day of month or the month")]
    NeverMatches {
        /// The day of month and the month as written.
        token: String,
        /// These two fields.
        span: Range<usize>,
    },

    /// Both day fields must match, as one begins with `*`, and no date has such days.
    #[error(
        "`{token}` never matches a date: as one of the day fields begins with `*`, both must match; \
         change one of them"
    )]
    DaysNeverMeet {
        /// The day of month, the month and the day of week as written.
        token: String,
        /// These three fields.
        span: Range<usize>,
    },

    /// The parser behind this crate refused what this crate handed to it. This is a bug in pgq.
    #[error("`{normalized}` was refused by the cron parser: this is a bug in pgq, report it")]
    Refused {
        /// What was handed to the parser.
        normalized: String,
        /// The whole expression.
        span: Range<usize>,
    },
}

impl ParseError {
    /// Where the offending part stands, in bytes of the expression as it was given.
    ///
    /// Always inside the expression and on character borders, so it can be used as an index.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::Empty { span }
            | Self::TooLong { span }
            | Self::FieldCount { span, .. }
            | Self::UnknownMacro { span, .. }
            | Self::NotCalendar { span, .. }
            | Self::AfterMacro { span, .. }
            | Self::EmptyItem { span, .. }
            | Self::Malformed { span, .. }
            | Self::QuestionMark { span, .. }
            | Self::OutOfRange { span, .. }
            | Self::UnknownName { span, .. }
            | Self::Reversed { span, .. }
            | Self::StepZero { span, .. }
            | Self::StepTooLarge { span, .. }
            | Self::DayRule { span, .. }
            | Self::NeverMatches { span, .. }
            | Self::DaysNeverMeet { span, .. }
            | Self::Refused { span, .. } => span.clone(),
        }
    }
}
