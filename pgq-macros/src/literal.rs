//! The values of options: names, numbers and durations. The errors say what is allowed, and are
//! meant to follow the name of the option.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use syn::{Expr, ExprLit, Lit, LitStr, UnOp};

/// The longest name of a queue or a task, in bytes.
const NAME_MAX: usize = 100;

/// Units of a duration, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of a size, in bytes.
const SIZE_UNITS: [(&str, u64); 3] = [("MiB", 1024 * 1024), ("KiB", 1024), ("B", 1)];

/// The largest size that is accepted: the library stores no larger values.
const SIZE_MAX: u64 = 64 * 1024 * 1024;

/// The longest duration that is accepted: 100 years fit every clock that it is added to.
const DURATION_MAX_MS: u64 = 100 * 365 * 86_400_000;

/// The longest time that the history is kept, as in the library.
const RETENTION_MAX_MS: u64 = 365 * 86_400_000;

/// Removes what `macro_rules` and parentheses put around a value.
pub(crate) fn peel(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => peel(&group.expr),
        Expr::Paren(paren) => peel(&paren.expr),
        _ => value,
    }
}

/// The string literal that `value` is.
pub(crate) fn string(value: &Expr) -> Option<&LitStr> {
    match peel(value) {
        Expr::Lit(ExprLit {
            lit: Lit::Str(lit), ..
        }) => Some(lit),
        _ => None,
    }
}

/// The integer literal that `value` is. Numbers beyond `i64` are cut to it.
fn integer(value: &Expr) -> Option<i64> {
    match peel(value) {
        Expr::Lit(ExprLit {
            lit: Lit::Int(lit), ..
        }) => Some(lit.base10_digits().parse().unwrap_or(i64::MAX)),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            integer(&unary.expr).map(|positive| -positive)
        }
        _ => None,
    }
}

/// Reads `true` or `false`.
pub(crate) fn boolean(value: &Expr) -> Result<bool, String> {
    match peel(value) {
        Expr::Lit(ExprLit {
            lit: Lit::Bool(lit),
            ..
        }) => Ok(lit.value),
        _ => Err("must be `true` or `false`".to_owned()),
    }
}

/// Reads an integer literal within `range`.
pub(crate) fn number<T>(value: &Expr, range: &RangeInclusive<T>) -> Result<T, String>
where
    T: Display + PartialOrd + TryFrom<i64>,
{
    let problem = || {
        format!(
            "must be an integer from {} to {}",
            range.start(),
            range.end()
        )
    };
    integer(value)
        .and_then(|number| T::try_from(number).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(problem)
}

/// Reads the name of a queue or a task.
pub(crate) fn name(value: &Expr) -> Result<String, String> {
    let name = string(value).ok_or("must be a string literal")?.value();
    name_problem(&name).map_or(Ok(name), Err)
}

/// Why `name` cannot name a queue or a task. It is the rule of the library.
pub(crate) fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("must not be empty".to_owned());
    }
    if name.len() > NAME_MAX {
        return Some(format!(
            "must have at most {NAME_MAX} bytes, but has {}",
            name.len()
        ));
    }
    let allowed = |c: char| c.is_alphanumeric() || "_-.:/".contains(c);
    name.chars()
        .find(|&c| !allowed(c))
        .map(|c| format!("must consist of letters, digits and `_-.:/`, but contains {c:?}"))
}

/// Reads a duration that is longer than zero.
pub(crate) fn duration(value: &Expr) -> Result<Duration, String> {
    let example = || "must be a duration with its unit, such as `\"30s\"`".to_owned();
    let lit = match (string(value), peel(value)) {
        (Some(lit), _) => lit,
        // `30s` is one token, so what is meant is known.
        (
            None,
            Expr::Lit(ExprLit {
                lit: Lit::Int(lit), ..
            }),
        ) => {
            let unit = if lit.suffix().is_empty() { "s" } else { "" };
            return Err(format!(
                "must be a string, such as `\"{}{unit}\"`",
                lit.to_string().replace('_', "")
            ));
        }
        _ => return Err(example()),
    };
    parse_duration(&lit.value())
}

/// Reads how long something is kept.
pub(crate) fn retention(value: &Expr) -> Result<Duration, String> {
    match duration(value)? {
        time if time.as_millis() > u128::from(RETENTION_MAX_MS) => {
            Err("must be at most a year, `\"365d\"`".to_owned())
        }
        time => Ok(time),
    }
}

/// Reads a size in bytes, such as `16MiB`.
pub(crate) fn size(value: &Expr) -> Result<u32, String> {
    let lit = string(value).ok_or("must be a size with its unit, such as `\"16MiB\"`")?;
    parse_size(&lit.value())
}

fn parse_size(text: &str) -> Result<u32, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = SIZE_UNITS.iter().find(|(known, _)| *known == unit);
    let (false, Some((_, factor))) = (number.is_empty(), factor) else {
        return Err(format!(
            "must be a number with the unit `B`, `KiB` or `MiB`, such as `\"16MiB\"`, but is {text:?}"
        ));
    };
    number
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(*factor))
        .filter(|bytes| (1..=SIZE_MAX).contains(bytes))
        .and_then(|bytes| u32::try_from(bytes).ok())
        .ok_or_else(|| "must be from 1 byte to 64 MiB".to_owned())
}

/// Reads `30s`, `1m30s`, `2h`, `500ms`, `1d`. Each unit at most once, the longest first.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        rest = after;
        if number.is_empty() {
            return Err(format!(
                "must be numbers, each with its unit, such as `\"1m30s\"`, but is {text:?}"
            ));
        }
        if unit.is_empty() {
            return Err(format!(
                "must have a unit after `{number}`: `ms`, `s`, `m`, `h` or `d`"
            ));
        }
        if !UNITS.iter().any(|(known, _)| *known == unit) {
            return Err(format!(
                "has the unknown unit {unit:?}; the units are `ms`, `s`, `m`, `h` and `d`"
            ));
        }
        let Some((_, factor)) = units.find(|(known, _)| *known == unit) else {
            return Err(format!(
                "must name each unit once, the longest first, such as `\"1m30s\"`, but is {text:?}"
            ));
        };
        total = number
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(*factor))
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= DURATION_MAX_MS)
            .ok_or("must be at most 100 years")?;
    }
    match total {
        0 => Err("must be longer than zero".to_owned()),
        total => Ok(Duration::from_millis(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::{name_problem, number, parse_duration, parse_size};
    use syn::parse_quote;

    #[test]
    fn a_duration_is_read() {
        for (text, millis) in [
            ("1ms", 1),
            ("500ms", 500),
            ("30s", 30_000),
            ("090s", 90_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0m1s", 1_000),
            ("36500d", 3_153_600_000_000),
        ] {
            let duration = parse_duration(text).map(|duration| duration.as_millis());
            assert_eq!(duration, Ok(millis), "{text}");
        }
    }

    #[test]
    fn a_wrong_duration_is_refused_with_what_is_allowed() {
        for (text, problem) in [
            ("", "longer than zero"),
            ("0s", "longer than zero"),
            ("0m0s", "longer than zero"),
            ("30", "a unit after `30`"),
            ("1m30", "a unit after `30`"),
            ("s", "such as"),
            ("-5s", "such as"),
            ("30 s", "unknown unit \" s\""),
            ("30S", "unknown unit \"S\""),
            ("1.5h", "unknown unit \".\""),
            ("3 weeks", "unknown unit"),
            ("30s1m", "the longest first"),
            ("1s1s", "each unit once"),
            ("36501d", "at most 100 years"),
            ("99999999999999999999s", "at most 100 years"),
            ("18446744073709551615d", "at most 100 years"),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn a_size_is_read() {
        for (text, bytes) in [("1B", 1), ("0512KiB", 524_288), ("64MiB", 67_108_864)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for (text, problem) in [
            ("", "a number with the unit"),
            ("16", "a number with the unit"),
            ("MiB", "a number with the unit"),
            ("16MB", "a number with the unit"),
            ("16 MiB", "a number with the unit"),
            ("0B", "from 1 byte to 64 MiB"),
            ("65MiB", "from 1 byte to 64 MiB"),
            ("99999999999999999999MiB", "from 1 byte to 64 MiB"),
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn a_number_must_be_in_its_range() {
        assert_eq!(number(&parse_quote!(0), &(0..=9_i16)), Ok(0));
        assert_eq!(number(&parse_quote!(9), &(0..=9)), Ok(9));
        assert_eq!(number(&parse_quote!(0x0a), &(0..=10)), Ok(10));
        assert_eq!(number(&parse_quote!(1_000i16), &(1..=1000)), Ok(1000));
        for value in [
            parse_quote!(10),
            parse_quote!(-1),
            parse_quote!(65536),
            parse_quote!(99999999999999999999999999),
            parse_quote!("3"),
            parse_quote!(3.0),
            parse_quote!(THREE),
        ] {
            let error = number(&value, &(0..=9_i16)).unwrap_err();
            assert_eq!(error, "must be an integer from 0 to 9");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for name in [
            "a",
            "mail",
            "send_email",
            "billing/invoice:v2.draft-1",
            "größe",
        ] {
            assert_eq!(name_problem(name), None, "{name}");
        }
        assert_eq!(name_problem(&"x".repeat(100)), None);
        for name in ["", "two words", "tab\t", "naïve!", "a\0", &"x".repeat(101)] {
            assert!(name_problem(name).is_some(), "{name:?}");
        }
    }
}
