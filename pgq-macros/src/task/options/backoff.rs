//! The option `backoff(…)`: how long a failed job waits for its next attempt.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, Lit};

use crate::literal;
use crate::task::args::Given;
use crate::task::check::Check;
use crate::task::code;
use crate::task::keys::{Key, Keys};

pub(in crate::task) const KEYS: [Key; 5] = [
    ("exponential", "exponential = \"1s\""),
    ("linear", "linear = \"10s\""),
    ("fixed", "fixed = \"10s\""),
    ("max", "max = \"1h\""),
    ("jitter", "jitter = 0.25"),
];

/// The keys that say how delays grow, each with the first delay. There is one of them.
const GROWTHS: [&str; 3] = ["fixed", "linear", "exponential"];

/// The longest delay, unless `max` is given.
const MAX_DEFAULT: Duration = Duration::from_secs(3600);

pub(crate) struct Backoff {
    growth: Growth,
    first: Duration,
    max: Duration,
    /// How far a delay is spread, as a part of it; `None` is the library's default.
    jitter: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Growth {
    Fixed,
    Linear,
    Exponential,
}

impl Backoff {
    /// Reports what is wrong; then the library's default stands in for all of it.
    pub(in crate::task) fn new(check: &mut Check<'_>, given: &Given) -> Option<Self> {
        let Given::Keys(keys) = given else {
            return None;
        };
        let jitter = check.key(keys, "jitter", jitter);
        let max = check.key(keys, "max", literal::duration);
        let (key, growth) = growth(check, keys)?;
        let first = check.key(keys, key, literal::duration)?;
        if let (Growth::Fixed, Some(ident)) = (growth, keys.ident("max")) {
            check.refuse(
                ident,
                "a fixed delay has no `max`; remove it, or write `linear` or `exponential` for \
                 `fixed`",
            );
        }
        let longest = max.unwrap_or(MAX_DEFAULT);
        let is_known = max.is_some() || keys.get("max").is_none();
        if growth != Growth::Fixed && is_known && first > longest {
            let problem = match max {
                Some(_) => "is the first delay, so it must not be longer than `max`",
                None => "is longer than an hour, so say with `max` how far delays grow",
            };
            check.refuse(keys.get(key), format!("`{key}` {problem}"));
        }
        Some(Self {
            growth,
            first,
            max: longest,
            jitter,
        })
    }

    pub(in crate::task) fn code(&self, private: &TokenStream) -> TokenStream {
        let [first, max] = [self.first, self.max].map(code::duration);
        let jitter = self.jitter.map(|part| quote!(.jitter(#part)));
        let backoff = match self.growth {
            Growth::Fixed => quote!(fixed(#first)),
            Growth::Linear => quote!(linear(#first, #max)),
            Growth::Exponential => quote!(exponential(#first, #max)),
        };
        quote!(#private::Backoff::#backoff #jitter)
    }
}

/// Which of the growths is given.
fn growth(check: &mut Check<'_>, keys: &Keys) -> Option<(&'static str, Growth)> {
    let given: Vec<&str> = GROWTHS
        .into_iter()
        .filter(|key| keys.get(key).is_some())
        .collect();
    match *given {
        ["fixed"] => Some(("fixed", Growth::Fixed)),
        ["linear"] => Some(("linear", Growth::Linear)),
        ["exponential"] => Some(("exponential", Growth::Exponential)),
        [] => {
            check.missing(
                keys,
                "`backoff` needs the first delay, as one of `exponential`, `linear` and `fixed`",
            );
            None
        }
        [first, ..] => {
            for other in &given[1..] {
                check.refuse(
                    keys.ident(other),
                    format!("`backoff` grows in one way, and `{first}` is given too; remove one"),
                );
            }
            None
        }
    }
}

fn jitter(value: &Expr) -> Result<f64, String> {
    let part = match literal::peel(value) {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Float(lit) => lit.base10_parse().ok(),
            Lit::Int(lit) => lit.base10_parse().ok(),
            _ => None,
        },
        _ => None,
    };
    part.filter(|part| (0.0..=1.0).contains(part))
        .ok_or_else(|| "must be a part from 0 to 1, such as `0.25`".to_owned())
}
