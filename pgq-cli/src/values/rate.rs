//! Rates: `100/m`.

use std::time::Duration;

use pgq::Rate;

use super::duration;

/// The most that may start in a time.
const MAX: u32 = 1_000_000;

/// Reads a number and a time: `100/m`, or `5/10s`.
pub(crate) fn parse(text: &str) -> Result<Rate, String> {
    let wrong = || format!("a rate is written as 100/m or 5/10s, with a number from 1 to {MAX}");
    let (max, per) = text.split_once('/').ok_or_else(wrong)?;
    let max: u32 = max.trim().parse().map_err(|_| wrong())?;
    let per = per.trim();
    let per = match per.starts_with(|c: char| c.is_ascii_digit()) {
        true => duration::parse(per),
        false => duration::parse(&format!("1{per}")),
    };
    let per: Duration = per.map_err(|_| wrong())?;
    match (1..=MAX).contains(&max) && !per.is_zero() {
        true => Ok(Rate::new(max, per)),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use pgq::Rate;
    use std::time::Duration;

    #[test]
    fn rates_are_read() {
        let minute = Duration::from_secs(60);
        assert_eq!(parse("100/m"), Ok(Rate::new(100, minute)));
        assert_eq!(parse("5/10s"), Ok(Rate::new(5, minute / 6)));
        for text in ["", "100", "0/m", "5/0s", "x/m", "5/", "5/fortnight"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
