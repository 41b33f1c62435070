//! The cron expressions of `pgq`, shared by its macros, which check them at compile time, and by
//! its scheduler, which computes ticks from them.
//!
//! An [`Expression`] is read once and then answers one question: when is the next tick after this
//! local time? Its times are [`NaiveDateTime`]: what a clock on the wall shows. A `Timetable`, behind
//! the feature `zones`, maps them to instants by the clocks of a zone; an [`Interval`] ticks every so
//! many seconds; [`Bounds`] say from when on and until when. There is no clock and no I/O here.
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
//! stand for whole expressions. A year field and `@every` are not supported.
//!
//! # Days by the calendar
//!
//! An item of a day field may also be a day that each month has elsewhere:
//!
//! | item | field | day |
//! |---|---|---|
//! | `L` | day of month | the last one |
//! | `L-3` | day of month | three days before the last one, up to `L-30` |
//! | `15W` | day of month | the working day, Monday to Friday, nearest to the 15th |
//! | `LW` | day of month | the last working day |
//! | `FRI#2`, `5#2` | day of week | the second Friday, up to `#5` |
//! | `FRIL`, `5L` | day of week | the last Friday |
//!
//! A month that has no such day is left out: `31W` means no day in April, and `FRI#5` none in a month
//! with four Fridays. `W` stays in its month: if the 1st is a Saturday, `1W` is Monday the 3rd; if the
//! 31st is a Sunday, `31W` is Friday the 29th. These items take neither a range nor a step, but stand
//! in lists, such as `1,15,L`. They are restricted in the sense of the next section.
//!
//! # Two day fields
//!
//! As in crontab, a date matches if *either* the day of month or the day of week does, when both
//! are restricted: `0 0 13 * FRI` ticks on each 13th and on each Friday. A field that starts with
//! `*` (or is `?`) does not count as restricted, even with a step; then *both* must match:
//! `0 0 */2 * FRI` ticks on Fridays with an odd day of month. So `0 0 L * FRIL` ticks on the last day
//! and on the last Friday of each month, and `0 0 */2 * FRIL` on a last Friday whose day is odd.
//!
//! # Limits
//!
//! Ticks lie in the years 1970 to 2100. An expression has at most [`EXPRESSION_BYTES_MAX`] bytes.
//! An expression that never matches, such as `0 0 30 2 *` or `0 0 31W 2 *`, is refused when it is read.
//!
//! [`NaiveDateTime`]: chrono::NaiveDateTime

#![cfg_attr(
    not(test),
    warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)
)]

mod bounds;
mod days;
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

pub use bounds::{Bounds, BoundsError, LocalTimeError};
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
