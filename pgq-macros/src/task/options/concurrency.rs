//! The option `concurrency`: how many jobs run at once, in all workers together.

use proc_macro2::TokenStream;
use quote::quote;

use super::LIMIT;
use crate::literal;
use crate::task::args::Given;
use crate::task::check::Check;
use crate::task::keys::Key;

pub(in crate::task) const KEYS: [Key; 2] = [("max", "max = 10"), ("by", "by = [customer]")];

pub(crate) struct Concurrency {
    max: u32,
    /// Parameters; empty for the whole task.
    by: Vec<String>,
}

impl Concurrency {
    pub(in crate::task) fn new(check: &mut Check<'_>, given: &Given) -> Option<Self> {
        let number = |value: &_| literal::number(value, &LIMIT);
        match given {
            Given::Word => None,
            Given::Value(value) => Some(Self {
                max: check.value("concurrency", value, number)?,
                by: Vec::new(),
            }),
            Given::Keys(keys) => {
                let by = check.by(keys);
                if keys.get("max").is_none() {
                    check.missing(
                        keys,
                        "`concurrency` needs `max`: how many jobs may run at once, such as `max = 10`",
                    );
                }
                let max = check.key(keys, "max", number)?;
                Some(Self { max, by })
            }
        }
    }

    /// Returns `true` if it is by these parameters.
    pub(in crate::task) fn has_key(&self, parameters: &[String]) -> bool {
        !self.by.is_empty()
            && self.by.len() == parameters.len()
            && self.by.iter().all(|name| parameters.contains(name))
    }

    pub(in crate::task) fn code(&self, private: &TokenStream) -> TokenStream {
        let Self { max, by } = self;
        let by = (!by.is_empty()).then(|| quote!(.by(&[#(#by),*])));
        quote!(#private::Concurrency::new(#max) #by)
    }
}
