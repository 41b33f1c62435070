//! The arguments of `#[pgq::cron(…)]`, as written: the expression, then the options of a task.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitStr, Token};

use crate::diagnostics::Diagnostics;
use crate::{literal, task};

#[derive(Default)]
pub(crate) struct Args {
    /// `None` if it is missing or not a string.
    pub(crate) expression: Option<LitStr>,
    pub(crate) task: task::Args,
}

impl Args {
    /// Reads what it can, and reports the rest.
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let parser = |input: ParseStream<'_>| {
            let expression = diagnostics.ok(expression(input));
            task::Args::skip_option(input);
            let task = task::Args::read(input, diagnostics);
            Ok(Self { expression, task })
        };
        parser.parse2(tokens).unwrap_or_default()
    }
}

/// Reads the expression, or leaves an option where it is.
fn expression(input: ParseStream<'_>) -> syn::Result<LitStr> {
    const MISSING: &str = "the cron expression is missing; write it first, as in \
                           `#[pgq::cron(\"0 3 * * *\")]`: minute, hour, day of month, month, day \
                           of week";

    if input.is_empty() {
        return Err(syn::Error::new(Span::call_site(), MISSING));
    }
    if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
        return Err(input.error(MISSING));
    }
    let value: Expr = input.parse()?;
    let not_a_string = || {
        let message = "the cron expression must be a string literal, such as `\"0 3 * * *\"`";
        syn::Error::new_spanned(&value, message)
    };
    literal::string(&value).cloned().ok_or_else(not_a_string)
}
