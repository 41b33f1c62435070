//! From when on and until when a schedule ticks: `starts` and `ends`.

use std::fmt::Write as _;

use pgq_cron::{Bounds, BoundsError};
use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use super::args::Args;
use super::timing::Timing;
use crate::diagnostics::Diagnostics;
use crate::literal;

/// What is given is valid.
#[derive(Default)]
pub(super) struct Dates {
    starts: Option<String>,
    ends: Option<String>,
    pub(super) bounds: Bounds,
}

impl Dates {
    /// Reports what is wrong, and goes on as if it had not been written.
    pub(super) fn new(args: &Args, timing: Option<&Timing>, diagnostics: &mut Diagnostics) -> Self {
        if args.starts.is_none() && args.ends.is_none() {
            return Self::default();
        }
        let mut read = |option: &str, value: &Option<Expr>| {
            let located = time(value.as_ref()?)
                .map_err(|problem| syn::Error::new_spanned(value, format!("`{option}` {problem}")));
            diagnostics.ok(located)
        };
        let starts = read("starts", &args.starts);
        let ends = read("ends", &args.ends);
        let bounds = |text: &Option<String>| Bounds::parse_time(text.as_deref()?).ok();
        let bounds = Bounds::new(bounds(&starts), bounds(&ends));
        let ticks = |bounds| timing.is_none_or(|timing| timing.has_tick(bounds));
        let problem = match bounds {
            Ok(bounds) if ticks(bounds) => {
                return Self {
                    starts,
                    ends,
                    bounds,
                };
            }
            Ok(_) => BoundsError::NeverTicks,
            Err(problem) => problem,
        };
        let (option, value) = match args.ends {
            Some(_) => ("ends", &args.ends),
            None => ("starts", &args.starts),
        };
        let message = format!("`{option}` {problem}");
        diagnostics.push(syn::Error::new_spanned(value, message));
        Self::default()
    }

    /// The calls that set it.
    pub(super) fn code(&self) -> TokenStream {
        let starts = self.starts.iter().map(|time| quote!(.starts_at(#time)));
        let ends = self.ends.iter().map(|time| quote!(.ends_at(#time)));
        starts.chain(ends).collect()
    }

    /// What the docs say, after when it ticks.
    pub(super) fn doc(&self) -> String {
        let mut doc = String::new();
        // To write to a string does not fail.
        if let Some(starts) = self.bounds.starts() {
            let _ = write!(doc, ", from {starts} on");
        }
        if let Some(ends) = self.bounds.ends() {
            let _ = write!(doc, ", until {ends}");
        }
        doc
    }
}

fn time(value: &Expr) -> Result<String, String> {
    let Some(lit) = literal::string(value) else {
        return Err("must be a string, such as `\"2026-01-31\"`".to_owned());
    };
    let text = lit.value();
    match Bounds::parse_time(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}
