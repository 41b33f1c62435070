//! The option `unique`: which jobs of a task are the same, so that only one of them is wanted.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use crate::literal;
use crate::task::args::Given;
use crate::task::check::Check;
use crate::task::code;
use crate::task::keys::Key;

pub(in crate::task) const KEYS: [Key; 3] = [
    ("by", "by = [customer]"),
    ("within", "within = \"1h\""),
    ("conflict", "conflict = \"replace\""),
];

/// What may become of a second job, with the name of the variant.
const CONFLICTS: [(&str, &str); 3] = [("skip", "Skip"), ("replace", "Replace"), ("raise", "Raise")];

/// What is `None` is left to the library's defaults.
pub(crate) struct Unique {
    /// Parameters; empty for all of them.
    by: Vec<String>,
    within: Option<Duration>,
    /// The name of the variant.
    conflict: Option<&'static str>,
}

impl Unique {
    pub(in crate::task) fn new(check: &mut Check<'_>, given: &Given) -> Option<Self> {
        let mut unique = Self {
            by: Vec::new(),
            within: None,
            conflict: None,
        };
        if let Given::Keys(keys) = given {
            unique.by = check.by(keys);
            unique.within = check.key(keys, "within", literal::duration);
            unique.conflict = check.key(keys, "conflict", conflict);
        }
        Some(unique)
    }

    pub(in crate::task) fn code(&self, private: &TokenStream) -> TokenStream {
        let by = &self.by;
        let by = (!by.is_empty()).then(|| quote!(.by(&[#(#by),*])));
        let within = self.within.map(|time| {
            let time = code::duration(time);
            quote!(.within(#time))
        });
        let conflict = self.conflict.map(|variant| {
            let variant = quote::format_ident!("{variant}");
            quote!(.conflict(#private::Conflict::#variant))
        });
        quote!(#private::Unique::new() #by #within #conflict)
    }
}

fn conflict(value: &Expr) -> Result<&'static str, String> {
    let given = literal::string(value).map(syn::LitStr::value);
    CONFLICTS
        .into_iter()
        .find(|(name, _)| given.as_deref() == Some(name))
        .map(|(_, variant)| variant)
        .ok_or_else(|| "must be `\"skip\"`, `\"replace\"` or `\"raise\"`".to_owned())
}
