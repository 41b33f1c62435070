//! What becomes of a tick: `missed`, `overlap` and `jitter`.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Ident};

use super::args::Args;
use crate::diagnostics::Diagnostics;
use crate::task::duration;
use crate::{literal, suggest};

/// The longest jitter, as in the library.
const JITTER_MAX: Duration = Duration::from_secs(86_400);

/// The longest time for which missed ticks are made up, as in the library.
const WITHIN_MAX: Duration = Duration::from_secs(365 * 86_400);

const MISSED: [&str; 3] = ["skip", "once", "all"];

/// The values of `overlap`, with the variants that they name.
const OVERLAPS: [(&str, &str); 4] = [
    ("allow", "Allow"),
    ("skip", "Skip"),
    ("queue_one", QUEUE_ONE),
    ("cancel_running", "CancelRunning"),
];

const QUEUE_ONE: &str = "QueueOne";

/// What is given is valid; the rest is left to the library's defaults.
pub(super) struct Policy {
    missed: Option<Missed>,
    overlap: Option<&'static str>,
    jitter: Option<Duration>,
}

#[derive(PartialEq)]
enum Missed {
    Skip,
    Once,
    All(Duration),
}

impl Policy {
    /// Reports what is wrong, and goes on as if it had not been written.
    pub(super) fn new(args: &Args, diagnostics: &mut Diagnostics) -> Self {
        let policy = Self {
            missed: args
                .missed
                .as_ref()
                .and_then(|value| diagnostics.ok(missed(value))),
            overlap: args
                .overlap
                .as_ref()
                .and_then(|value| diagnostics.ok(overlap(value))),
            jitter: args
                .jitter
                .as_ref()
                .and_then(|value| diagnostics.ok(jitter(value))),
        };
        let keeps_one = policy.overlap == Some(QUEUE_ONE);
        if keeps_one && !matches!(policy.missed, None | Some(Missed::Once)) {
            let message = "`queue_one` keeps one tick, the last, so it goes with `missed = once` \
                           only; remove `missed`";
            diagnostics.push(syn::Error::new_spanned(&args.missed, message));
        }
        policy
    }

    /// The calls that set it.
    pub(super) fn code(&self, private: &TokenStream) -> TokenStream {
        let mut tokens = TokenStream::new();
        if let Some(missed) = &self.missed {
            let missed = match missed {
                Missed::Skip => quote!(Skip),
                Missed::Once => quote!(Once),
                Missed::All(within) => {
                    let within = duration(*within);
                    quote!(All { within: #within })
                }
            };
            tokens.extend(quote!(.missed(#private::Missed::#missed)));
        }
        if let Some(overlap) = self.overlap {
            let overlap = Ident::new(overlap, proc_macro2::Span::call_site());
            tokens.extend(quote!(.overlap(#private::Overlap::#overlap)));
        }
        if let Some(jitter) = self.jitter {
            let jitter = duration(jitter);
            tokens.extend(quote!(.jitter(#jitter)));
        }
        tokens
    }
}

/// Reads `skip`, `once` or `all(within = "1h")`.
fn missed(value: &Expr) -> syn::Result<Missed> {
    if let Expr::Call(call) = literal::peel(value)
        && word(&call.func).is_some_and(|word| word == "all")
    {
        let mut arguments = call.args.iter();
        return match (arguments.next(), arguments.next()) {
            (Some(Expr::Assign(bound)), None)
                if word(&bound.left).is_some_and(|word| word == "within") =>
            {
                within(&bound.right)
            }
            _ => Err(syn::Error::new_spanned(value, UNBOUNDED)),
        };
    }
    match word(value).map(ToString::to_string).as_deref() {
        Some("skip") => Ok(Missed::Skip),
        Some("once") => Ok(Missed::Once),
        Some("all") => Err(syn::Error::new_spanned(value, UNBOUNDED)),
        _ => Err(wrong_word("missed", value, MISSED)),
    }
}

const UNBOUNDED: &str =
    "say how long ago a tick may be that is made up: `missed = all(within = \"1h\")`";

fn within(value: &Expr) -> syn::Result<Missed> {
    bounded("within", value, WITHIN_MAX, "a year, `\"365d\"`").map(Missed::All)
}

fn overlap(value: &Expr) -> syn::Result<&'static str> {
    let given = word(value);
    let mut known = OVERLAPS.iter();
    match known.find(|(name, _)| given.is_some_and(|given| given == name)) {
        Some((_, variant)) => Ok(variant),
        None => Err(wrong_word("overlap", value, OVERLAPS.map(|(name, _)| name))),
    }
}

fn jitter(value: &Expr) -> syn::Result<Duration> {
    bounded("jitter", value, JITTER_MAX, "a day, `\"1d\"`")
}

fn bounded(option: &str, value: &Expr, max: Duration, shown: &str) -> syn::Result<Duration> {
    let problem = match literal::duration(value) {
        Ok(time) if time <= max => return Ok(time),
        Ok(_) => format!("must be at most {shown}"),
        Err(problem) => problem,
    };
    Err(syn::Error::new_spanned(
        value,
        format!("`{option}` {problem}"),
    ))
}

/// The single word that `value` is.
fn word(value: &Expr) -> Option<&Ident> {
    match literal::peel(value) {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}

fn wrong_word<const N: usize>(option: &str, value: &Expr, known: [&str; N]) -> syn::Error {
    let values = suggest::list(known);
    let message = match (literal::string(value).map(syn::LitStr::value), word(value)) {
        (Some(text), _) if known.contains(&&*text) => {
            format!("`{option}` is a word; write `{option} = {text}`, without quotes")
        }
        (_, Some(word)) => {
            let meant = suggest::meant(&word.to_string(), known);
            format!("unknown value of `{option}`; {meant}the values are {values}")
        }
        _ => format!("`{option}` must be one of the words {values}"),
    };
    syn::Error::new_spanned(value, message)
}
