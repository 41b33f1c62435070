//! The option `batch(…)`: how many jobs one call of the task is given.

use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;

use crate::literal;
use crate::task::args::Given;
use crate::task::check::Check;
use crate::task::code;
use crate::task::keys::Key;

pub(in crate::task) const KEYS: [Key; 2] = [("max", "max = 100"), ("wait", "wait = \"50ms\"")];

/// How many jobs a call may be given, as in the library.
const MAX: RangeInclusive<u32> = 1..=10_000;

pub(crate) struct Batch {
    max: u32,
    /// What is `None` is left to the library's default.
    wait: Option<Duration>,
}

impl Batch {
    pub(in crate::task) fn new(check: &mut Check<'_>, given: &Given) -> Option<Self> {
        let Given::Keys(keys) = given else {
            return None;
        };
        if keys.get("max").is_none() {
            check.missing(
                keys,
                "`batch` needs `max`: how many jobs a call is given at most, such as `max = 100`",
            );
        }
        let wait = check.key(keys, "wait", literal::duration);
        let max = check.key(keys, "max", |value| literal::number(value, &MAX))?;
        Some(Self { max, wait })
    }

    pub(in crate::task) fn code(&self, private: &TokenStream) -> TokenStream {
        let max = self.max;
        let wait = self.wait.map(|time| {
            let time = code::duration(time);
            quote!(.wait(#time))
        });
        quote!(#private::Batch::new(#max as ::core::primitive::usize) #wait)
    }
}
