//! The option `retain(…)`: how long what is left of jobs is kept.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Expr, Ident, Token, parenthesized};

use super::args::skip_value;
use crate::diagnostics::Diagnostics;
use crate::suggest;

/// What is kept.
const KEYS: [&str; 3] = ["completed", "failed", "result"];

/// The times as written. A key that was wrong is left out.
pub(crate) struct Retain {
    pub(crate) completed: Option<Expr>,
    pub(crate) failed: Option<Expr>,
    pub(crate) result: Option<Expr>,
}

impl Retain {
    /// Reads what is between the parentheses, and reports what is wrong there.
    pub(super) fn read(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Self> {
        let content;
        let parentheses = parenthesized!(content in input);
        let mut retain = Self {
            completed: None,
            failed: None,
            result: None,
        };
        if content.is_empty() {
            diagnostics.push(empty(parentheses.span.join()));
        }
        while !content.is_empty() {
            let set = retain.set(&content);
            let read = diagnostics.ok(set).is_some();
            if read && !content.is_empty() && !content.peek(Token![,]) {
                diagnostics.push(content.error("expected `,` between two times"));
            }
            skip_value(&content);
            let _ = content.parse::<Token![,]>();
        }
        Ok(retain)
    }

    fn set(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected a time, such as `completed = \"1d\"`"));
        }
        let given = input.call(Ident::parse_any)?;
        let error = |message: String| Err(syn::Error::new(given.span(), message));
        let slot = match &*given.to_string() {
            "completed" => &mut self.completed,
            "failed" => &mut self.failed,
            "result" => &mut self.result,
            other => {
                let (meant, keys) = (suggest::meant(other, KEYS), suggest::list(KEYS));
                return error(format!(
                    "unknown key of `retain`; {meant}the keys are {keys}"
                ));
            }
        };
        if !input.peek(Token![=]) {
            return error(format!(
                "`{given}` needs a time, such as `{given} = \"1d\"`"
            ));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        if slot.is_some() {
            return error(format!("`{given}` is given twice; remove one of them"));
        }
        *slot = Some(value);
        Ok(())
    }
}

fn empty(span: Span) -> syn::Error {
    let keys = suggest::list(KEYS);
    syn::Error::new(span, format!("`retain` needs a time for one of {keys}"))
}
