//! The options of `#[pgq::task(…)]`, as written.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, Token, token};

use super::retain::Retain;
use crate::diagnostics::Diagnostics;
use crate::suggest;

/// Every option with an example of it.
const OPTIONS: [(&str, &str); 8] = [
    ("crate", "crate = my_jobs"),
    ("input_max", "input_max = \"16MiB\""),
    ("max_attempts", "max_attempts = 5"),
    ("name", "name = \"send_email\""),
    ("priority", "priority = 5"),
    ("queue", "queue = \"mail\""),
    (RETAIN, "retain(completed = \"1d\")"),
    ("timeout", "timeout = \"30s\""),
];

/// The option that has several values.
const RETAIN: &str = "retain";

/// Each option keeps its tokens, and so its span.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) krate: Option<Expr>,
    pub(crate) input_max: Option<Expr>,
    pub(crate) max_attempts: Option<Expr>,
    pub(crate) name: Option<Expr>,
    pub(crate) priority: Option<Expr>,
    pub(crate) queue: Option<Expr>,
    pub(crate) retain: Option<Retain>,
    pub(crate) timeout: Option<Expr>,
}

impl Args {
    /// Reads what it can, and reports the rest.
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let parser = |input: ParseStream<'_>| Ok(Self::read(input, diagnostics));
        parser.parse2(tokens).unwrap_or_default()
    }

    /// Reads options to the end of the input.
    pub(crate) fn read(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut args = Self::default();
        while !input.is_empty() {
            let set = args.set(input, diagnostics);
            let read = diagnostics.ok(set).is_some();
            if read && !input.is_empty() && !input.peek(Token![,]) {
                diagnostics.push(input.error("expected `,` between two options"));
            }
            Self::skip_option(input);
        }
        args
    }

    /// Skips what is left of an option, and the comma after it, so that the next one is read.
    pub(crate) fn skip_option(input: ParseStream<'_>) {
        skip_value(input);
        let _ = input.parse::<Token![,]>();
    }

    fn set(&mut self, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected an option, such as `queue = \"mail\"`"));
        }
        let given = input.call(Ident::parse_any)?;
        let error = |message: String| {
            skip_value(input);
            Err(syn::Error::new(given.span(), message))
        };
        let known = OPTIONS.iter().find(|(option, _)| given == option);
        let Some((option, example)) = known else {
            return error(unknown(&given.to_string()));
        };
        let has_value = match *option {
            RETAIN => input.peek(token::Paren),
            _ => input.peek(Token![=]),
        };
        if !has_value {
            return error(format!(
                "option `{option}` needs a value, such as `{example}`"
            ));
        }
        if *option == RETAIN {
            let retain = Retain::read(input, diagnostics)?;
            if self.retain.is_some() {
                return error(twice(option));
            }
            self.retain = Some(retain);
            return Ok(());
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        let slot = match *option {
            "crate" => &mut self.krate,
            "input_max" => &mut self.input_max,
            "max_attempts" => &mut self.max_attempts,
            "name" => &mut self.name,
            "priority" => &mut self.priority,
            "queue" => &mut self.queue,
            _ => &mut self.timeout,
        };
        if slot.is_some() {
            return error(twice(option));
        }
        *slot = Some(value);
        Ok(())
    }
}

fn twice(option: &str) -> String {
    format!("option `{option}` is given twice; remove one of them")
}

fn unknown(given: &str) -> String {
    let options = || OPTIONS.iter().map(|(option, _)| *option);
    let meant = suggest::meant(given, options());
    let options = suggest::list(options());
    format!("unknown option; {meant}the options are {options}")
}

/// Skips what is left of a wrong option.
pub(super) fn skip_value(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}
