//! The cron expressions of `pgq`, shared by its macros, which check them at compile time, and by
//! its scheduler, which computes ticks from them.
//!
//! An [`Expression`] is read once and then answers one question: when is the next tick after this
//! local time? Its times are [`NaiveDateTime`]: what a clock on the wall shows. A `Timetable`, behind
//! the feature `zones`, maps them to instants by the clocks of a zone; an [`Interval`] ticks every so
//! many seconds. There is no clock and no I/O here.
//!
//! ```
//! use pgq_cron::Expression;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let weekdays_at_nine = Expression::parse("0 9 * * MON-FRI")?;
//! let saturday = "2026-02-28T12:00:00".parse()?;
//!
//! let monday = "2026-03-02T09:00:00".parse()?;
//! assert_eq!(weekdays_at_nine.next_after(saturday), Some(monday));
//!
//! let source = "0 25 * * *";
//! let error = Expression::parse(source).unwrap_err();
//! assert_eq!(error.to_string(), "`25` is out of range for the hour field: expected 0 to 23");
//! assert_eq!(&source[error.span()], "25");
//! # Ok(())
//! # }
//! ```
//!
//! # Fields
//!
//! Five fields as in crontab, or six with the seconds first. With five, ticks fall on second 0.
//!
//! | field | values | names |
//! |---|---|---|
//! | second | 0–59 | |
//! | minute | 0–59 | |
//! | hour | 0–23 | |
//! | day of month | 1–31 | |
//! | month | 1–12 | `JAN`–`DEC` |
//! | day of week | 0–7, 0 and 7 are Sunday | `SUN`–`SAT` |
//!
//! A field is a list, separated by commas, of
//!
//! - `*`: every value,
//! - `5` or `MON`: one value; names in any case,
//! - `10-20` or `MON-FRI`: a range; `SUN` at its end means 7, so `FRI-SUN` is Friday to Sunday,
//! - `*/15`, `10-40/10`: every 15th or 10th value of what is in front of the slash,
//! - `5/15`: the same as `5-59/15`; for days of the week `1/2` is `1-6/2`.
//!
//! In the two day fields `?` is another way to write `*`. A step starts anew with each hour, day,
//! month or year: `*/40` in minutes ticks at 0 and at 40, and then at 0 again.
//!
//! `@hourly`, `@daily`, `@midnight`, `@weekly` (Sunday), `@monthly`, `@yearly` and `@annually`
//! stand for whole expressions. `L`, `W`, `#`, a year field and `@every` are not supported.
//!
//! # Two day fields
//!
//! As in crontab, a date matches if *either* the day of month or the day of week does, when both
//! are restricted: `0 0 13 * FRI` ticks on each 13th and on each Friday. A field that starts with
//! `*` (or is `?`) does not count as restricted, even with a step; then *both* must match:
//! `0 0 */2 * FRI` ticks on Fridays with an odd day of month.
//!
//! # Limits
//!
//! Ticks lie in the years 1970 to 2100. An expression has at most [`EXPRESSION_BYTES_MAX`] bytes.
//! An expression that never matches, such as `0 0 30 2 *`, is refused when it is read.
//!
//! [`NaiveDateTime`]: chrono::NaiveDateTime

#![cfg_attr(
    not(test),
    warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)
)]

mod error;
mod expression;
mod field;
mod interval;
mod names;
mod normalize;
#[cfg(feature = "zones")]
mod timetable;
mod token;
mod values;
#[cfg(feature = "zones")]
mod zone;

pub use error::ParseError;
pub use expression::{Expression, Ticks};
pub use field::Field;
pub use interval::{Interval, IntervalError};
pub use names::zone_names;
pub use normalize::EXPRESSION_BYTES_MAX;
#[cfg(feature = "zones")]
pub use timetable::Timetable;
#[cfg(feature = "zones")]
pub use zone::{UnknownZone, Zone};
