//! The option `retain(…)`: how long what is left of jobs is kept.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;

use crate::literal;
use crate::task::args::Given;
use crate::task::check::Check;
use crate::task::code;
use crate::task::keys::Key;

pub(in crate::task) const KEYS: [Key; 3] = [
    ("completed", "completed = \"1d\""),
    ("failed", "failed = \"30d\""),
    ("result", "result = \"1h\""),
];

/// What is `None` is left to the library's default.
pub(crate) struct Retain {
    completed: Option<Duration>,
    failed: Option<Duration>,
    result: Option<Duration>,
}

impl Retain {
    pub(in crate::task) fn new(check: &mut Check<'_>, given: &Given) -> Option<Self> {
        let Given::Keys(keys) = given else {
            return None;
        };
        let retain = Self {
            completed: check.key(keys, "completed", literal::retention),
            failed: check.key(keys, "failed", literal::retention),
            result: check.key(keys, "result", literal::retention),
        };
        if let (Some(completed), Some(result)) = (retain.completed, retain.result)
            && result > completed
        {
            check.refuse(
                keys.get("result"),
                "`result` must not be longer than `completed`: a result is found by its job",
            );
        }
        Some(retain)
    }

    pub(in crate::task) fn code(&self, private: &TokenStream) -> TokenStream {
        let [completed, failed, result] =
            [self.completed, self.failed, self.result].map(code::optional_duration);
        quote!(#private::retain(#completed, #failed, #result))
    }
}
