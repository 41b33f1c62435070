//! The option `rate`: how many jobs start in a time, in all workers together.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use super::LIMIT;
use crate::literal;
use crate::task::args::Given;
use crate::task::check::Check;
use crate::task::code;
use crate::task::keys::Key;

pub(in crate::task) const KEYS: [Key; 3] = [
    ("max", "max = \"100/m\""),
    ("by", "by = [customer]"),
    ("burst", "burst = 20"),
];

/// What a rate may be per, in seconds.
const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

pub(crate) struct Rate {
    max: u32,
    per: Duration,
    burst: Option<u32>,
    /// Parameters; empty for the whole task.
    by: Vec<String>,
}

impl Rate {
    pub(in crate::task) fn new(check: &mut Check<'_>, given: &Given) -> Option<Self> {
        match given {
            Given::Word => None,
            Given::Value(value) => {
                let (max, per) = check.value("rate", value, rate)?;
                Some(Self {
                    max,
                    per,
                    burst: None,
                    by: Vec::new(),
                })
            }
            Given::Keys(keys) => {
                let by = check.by(keys);
                let burst = check.key(keys, "burst", |value| literal::number(value, &LIMIT));
                if keys.get("max").is_none() {
                    check.missing(
                        keys,
                        "`rate` needs `max`: how many jobs may start in a time, such as `max = \"100/m\"`",
                    );
                }
                let (max, per) = check.key(keys, "max", rate)?;
                Some(Self {
                    max,
                    per,
                    burst,
                    by,
                })
            }
        }
    }

    pub(in crate::task) fn code(&self, private: &TokenStream) -> TokenStream {
        let Self { max, by, .. } = self;
        let per = code::duration(self.per);
        let burst = self.burst.map(|burst| quote!(.burst(#burst)));
        let by = (!by.is_empty()).then(|| quote!(.by(&[#(#by),*])));
        quote!(#private::Rate::new(#max, #per) #burst #by)
    }
}

/// Reads `100/m`.
fn rate(value: &Expr) -> Result<(u32, Duration), String> {
    let lit = literal::string(value).ok_or("must be a string, such as `\"100/m\"`")?;
    parse(&lit.value())
}

fn parse(text: &str) -> Result<(u32, Duration), String> {
    let (number, unit) = text.split_once('/').ok_or_else(|| {
        format!("must be a number per unit of time, such as `\"100/m\"`, but is {text:?}")
    })?;
    let (_, seconds) = UNITS
        .iter()
        .find(|(known, _)| *known == unit)
        .ok_or_else(|| {
            format!("has the unknown unit {unit:?}; the units are `s`, `m`, `h` and `d`")
        })?;
    let number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| number.parse().ok())
        .flatten()
        .filter(|number| LIMIT.contains(number))
        .ok_or_else(|| {
            format!(
                "must be a number from {} to {} per unit of time, such as `\"100/m\"`",
                LIMIT.start(),
                LIMIT.end()
            )
        })?;
    Ok((number, Duration::from_secs(*seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read() {
        for (text, max, seconds) in [
            ("1/s", 1, 1),
            ("100/m", 100, 60),
            ("1000000/h", 1_000_000, 3600),
            ("5/d", 5, 86_400),
        ] {
            assert_eq!(parse(text), Ok((max, Duration::from_secs(seconds))));
        }
    }

    #[test]
    fn a_wrong_rate_is_refused_with_what_is_allowed() {
        for (text, problem) in [
            ("", "such as"),
            ("100", "a number per unit of time"),
            ("100/", "unknown unit \"\""),
            ("100/min", "unknown unit \"min\""),
            ("100 / m", "unknown unit \" m\""),
            ("/m", "from 1 to 1000000"),
            ("0/m", "from 1 to 1000000"),
            ("+5/m", "from 1 to 1000000"),
            ("1000001/m", "from 1 to 1000000"),
            ("99999999999999999999/m", "from 1 to 1000000"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
