//! Durations: `500ms`, `90s`, `1h30m`.

use std::time::Duration;

/// The units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const WANTED: &str = "a duration is written as 500ms, 90s, 15m, 6h, 2d or 1h30m";

/// Reads a duration: whole numbers, each with its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || WANTED.to_owned();
    let mut rest = text.trim();
    let mut sum = 0_u64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, size) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(*size);
        sum = part
            .and_then(|part| sum.checked_add(part))
            .ok_or("the duration is too long")?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(sum))
}

/// Writes a duration as it is read, to the millisecond.
pub(crate) fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS {
        let number = rest / size;
        rest %= size;
        if number > 0 {
            text += &format!("{number}{unit}");
        }
    }
    match text.is_empty() {
        true => "0s".to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, show};
    use std::time::Duration;

    #[test]
    fn durations_are_read_and_written() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("6h", 21_600_000),
            ("1h 30m", 5_400_000),
            ("2d", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in ["500ms", "1m30s", "1h30m", "2d", "0s"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "90", "s", "1.5h", "-1s", "1y", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("999999999999999d").unwrap_err().contains("too long"));
    }
}
