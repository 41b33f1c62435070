//! The arguments of `#[pgq::cron(…)]`, as written: the expression, then options of the schedule and
//! of its task.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitStr, Token, token};

use super::input::Values;
use super::is_refused;
use crate::diagnostics::Diagnostics;
use crate::{literal, suggest, task};

/// Every option of a schedule with an example of it.
const OPTIONS: [(&str, &str); 8] = [
    (ARGS, "args(limit = 100)"),
    ("ends", "ends = \"2027-01-01\""),
    ("every", "every = \"90s\""),
    ("jitter", "jitter = \"30s\""),
    ("missed", "missed = skip"),
    ("overlap", "overlap = skip"),
    ("starts", "starts = \"2026-01-31\""),
    ("tz", "tz = \"Europe/Berlin\""),
];

/// The option that has several values.
const ARGS: &str = "args";

#[derive(Default)]
pub(crate) struct Args {
    /// `None` if it is missing or not a string.
    pub(crate) expression: Option<LitStr>,
    pub(crate) ends: Option<Expr>,
    pub(crate) every: Option<Expr>,
    pub(crate) jitter: Option<Expr>,
    pub(crate) missed: Option<Expr>,
    pub(crate) overlap: Option<Expr>,
    pub(crate) starts: Option<Expr>,
    pub(crate) tz: Option<Expr>,
    pub(crate) values: Values,
    pub(crate) task: task::Args,
}

impl Args {
    /// Reads what it can, and reports the rest.
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let parser = |input: ParseStream<'_>| Ok(Self::read(input, diagnostics));
        parser.parse2(tokens).unwrap_or_default()
    }

    fn read(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut args = Self::default();
        let mut has_expression = false;
        if !starts_option(input) && !input.is_empty() {
            has_expression = true;
            args.expression = diagnostics.ok(expression(input));
            task::Args::skip_option(input);
        }
        // What a task knows is left to it, as it is written.
        let mut of_task = TokenStream::new();
        let mut has_every = false;
        while !input.is_empty() {
            let Some(name) = option_name(input) else {
                if input.peek(LitStr) && !has_expression {
                    has_expression = true;
                    let message =
                        "the cron expression comes first; move it in front of the options";
                    diagnostics.push(input.error(message));
                    task::Args::skip_option(input);
                    continue;
                }
                of_task.extend(whole_option(input));
                continue;
            };
            has_every |= name == "every";
            if task::Args::names().any(|known| name == known) {
                of_task.extend(whole_option(input));
                continue;
            }
            let set = args.set(input, diagnostics);
            let read = diagnostics.ok(set).is_some();
            if read && !input.is_empty() && !input.peek(Token![,]) {
                diagnostics.push(input.error("expected `,` between two options"));
            }
            task::Args::skip_option(input);
        }
        if !has_expression && !has_every {
            diagnostics.push(syn::Error::new(Span::call_site(), MISSING));
        }
        args.task = task::Args::parse(of_task, diagnostics);
        args
    }

    fn set(&mut self, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        let given = input.call(Ident::parse_any)?;
        let error = |message: String| Err(syn::Error::new(given.span(), message));
        let known = OPTIONS.iter().find(|(option, _)| given == option);
        let Some((option, example)) = known else {
            return error(unknown(&given.to_string()));
        };
        let twice = || format!("option `{option}` is given twice; remove one of them");
        if *option == ARGS {
            if !input.peek(token::Paren) {
                return error(format!(
                    "option `{ARGS}` is written with parentheses, as in `{example}`"
                ));
            }
            let values = Values::read(input, diagnostics)?;
            if self.values.are_given() {
                return error(twice());
            }
            self.values = values;
            return Ok(());
        }
        if !input.peek(Token![=]) {
            return error(format!(
                "option `{option}` needs a value, such as `{example}`"
            ));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        let slot = match *option {
            "ends" => &mut self.ends,
            "every" => &mut self.every,
            "jitter" => &mut self.jitter,
            "missed" => &mut self.missed,
            "overlap" => &mut self.overlap,
            "starts" => &mut self.starts,
            _ => &mut self.tz,
        };
        if slot.is_some() {
            return error(twice());
        }
        *slot = Some(value);
        Ok(())
    }
}

const MISSING: &str = "the cron expression is missing; write it first, as in `#[pgq::cron(\"0 3 * * \
                       *\")]`: minute, hour, day of month, month, day of week; or an interval, as \
                       in `every = \"90s\"`";

fn starts_option(input: ParseStream<'_>) -> bool {
    input.peek(Ident::peek_any) && (input.peek2(Token![=]) || input.peek2(token::Paren))
}

/// The name of the option that comes next, which stays where it is.
fn option_name(input: ParseStream<'_>) -> Option<Ident> {
    input.fork().call(Ident::parse_any).ok()
}

/// Takes an option, with the comma after it.
fn whole_option(input: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend(input.parse::<TokenTree>());
    }
    if let Ok(comma) = input.parse::<Token![,]>() {
        comma.to_tokens(&mut tokens);
    }
    tokens
}

fn unknown(given: &str) -> String {
    let mut options: Vec<&str> = OPTIONS.iter().map(|(option, _)| *option).collect();
    options.extend(task::Args::names().filter(|option| !is_refused(option)));
    options.sort_unstable();
    let meant = suggest::meant(given, options.iter().copied());
    let options = suggest::list(options);
    format!("unknown option; {meant}the options are {options}")
}

/// Reads the expression.
fn expression(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let value: Expr = input.parse()?;
    let not_a_string = || {
        let message = "the cron expression must be a string literal, such as `\"0 3 * * *\"`";
        syn::Error::new_spanned(&value, message)
    };
    literal::string(&value).cloned().ok_or_else(not_a_string)
}
