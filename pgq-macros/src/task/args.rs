//! The options of `#[pgq::task(…)]`, as written.

use proc_macro2::{TokenStream, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, Token};

use crate::diagnostics::Diagnostics;
use crate::suggest;

/// Every option with an example of it.
const OPTIONS: [(&str, &str); 6] = [
    ("crate", "crate = my_jobs"),
    ("max_attempts", "max_attempts = 5"),
    ("name", "name = \"send_email\""),
    ("priority", "priority = 5"),
    ("queue", "queue = \"mail\""),
    ("timeout", "timeout = \"30s\""),
];

/// Each option keeps its tokens, and so its span.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) krate: Option<Expr>,
    pub(crate) max_attempts: Option<Expr>,
    pub(crate) name: Option<Expr>,
    pub(crate) priority: Option<Expr>,
    pub(crate) queue: Option<Expr>,
    pub(crate) timeout: Option<Expr>,
}

impl Args {
    /// Reads what it can, and reports the rest.
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let mut args = Self::default();
        let parser = syn::meta::parser(|meta| {
            if let Err(error) = args.set(&meta) {
                diagnostics.push(error);
                skip_value(meta.input)?;
            }
            Ok(())
        });
        let parsed = parser.parse2(tokens);
        diagnostics.ok(parsed);
        args
    }

    fn set(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let given = meta
            .path
            .get_ident()
            .map_or_else(String::new, ToString::to_string);
        let error = |message: String| syn::Error::new(meta.path.span(), message);
        let Some((option, example)) = OPTIONS.iter().find(|(option, _)| *option == given) else {
            return Err(error(unknown(&given)));
        };
        if !meta.input.peek(Token![=]) {
            return Err(error(format!(
                "option `{option}` needs a value, such as `{example}`"
            )));
        }
        let value: Expr = meta.value()?.parse()?;
        let slot = match *option {
            "crate" => &mut self.krate,
            "max_attempts" => &mut self.max_attempts,
            "name" => &mut self.name,
            "priority" => &mut self.priority,
            "queue" => &mut self.queue,
            _ => &mut self.timeout,
        };
        if slot.is_some() {
            return Err(error(format!(
                "option `{option}` is given twice; remove one of them"
            )));
        }
        *slot = Some(value);
        Ok(())
    }
}

fn unknown(given: &str) -> String {
    let options = || OPTIONS.iter().map(|(option, _)| *option);
    let meant = match suggest::closest(given, options()) {
        Some(option) => format!("did you mean `{option}`? "),
        None => String::new(),
    };
    let options = suggest::list(options());
    format!("unknown option; {meant}the options are {options}")
}

/// Skips what is left of a wrong option, so that the next one is read.
fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
