//! What is between the parentheses of an option that has several values: `key = value, …`.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Expr, Ident, Token, parenthesized};

use super::args::skip_value;
use crate::diagnostics::Diagnostics;
use crate::suggest;

/// The name of a key, with an example of it.
pub(super) type Key = (&'static str, &'static str);

/// The keys as written. One that was wrong is left out.
pub(crate) struct Keys {
    /// Where the parentheses are.
    pub(super) span: Span,
    /// Whether something was wrong, so that a key may have been meant that is not here.
    pub(super) is_partial: bool,
    given: BTreeMap<&'static str, (Ident, Expr)>,
}

/// The option whose keys are read.
struct Reader {
    option: &'static str,
    known: &'static [Key],
}

impl Keys {
    /// Reads the parentheses of `option`, and reports what is wrong there.
    pub(super) fn read(
        option: &'static str,
        known: &'static [Key],
        input: ParseStream<'_>,
        diagnostics: &mut Diagnostics,
    ) -> syn::Result<Self> {
        let content;
        let parentheses = parenthesized!(content in input);
        let mut keys = Self {
            span: parentheses.span.join(),
            is_partial: content.is_empty(),
            given: BTreeMap::new(),
        };
        let reader = Reader { option, known };
        if content.is_empty() {
            diagnostics.push(syn::Error::new(keys.span, reader.empty()));
        }
        while !content.is_empty() {
            let set = reader.set(&mut keys, &content);
            let read = diagnostics.ok(set).is_some();
            keys.is_partial |= !read;
            if read && !content.is_empty() && !content.peek(Token![,]) {
                diagnostics.push(content.error("expected `,` between two keys"));
            }
            skip_value(&content);
            let _ = content.parse::<Token![,]>();
        }
        Ok(keys)
    }

    /// The value that is given for `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Expr> {
        self.given.get(key).map(|(_, value)| value)
    }

    /// The key itself, if it is given.
    pub(super) fn ident(&self, key: &str) -> Option<&Ident> {
        self.given.get(key).map(|(ident, _)| ident)
    }
}

impl Reader {
    fn set(&self, keys: &mut Keys, input: ParseStream<'_>) -> syn::Result<()> {
        let option = self.option;
        if !input.peek(Ident::peek_any) {
            let example = self.known.first().map_or("", |(_, example)| example);
            return Err(input.error(format!("expected a key of `{option}`, such as `{example}`")));
        }
        let given = input.call(Ident::parse_any)?;
        let error = |message: String| Err(syn::Error::new(given.span(), message));
        let Some((key, example)) = self.known.iter().find(|(key, _)| given == key) else {
            let known = self.known.iter().map(|(key, _)| *key);
            let meant = suggest::meant(&given.to_string(), known);
            return error(format!(
                "unknown key of `{option}`; {meant}the keys are {}",
                self.names()
            ));
        };
        if !input.peek(Token![=]) {
            return error(format!("`{key}` needs a value, such as `{example}`"));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        if keys.given.contains_key(key) {
            return error(format!("`{key}` is given twice; remove one of them"));
        }
        keys.given.insert(key, (given, value));
        Ok(())
    }

    fn empty(&self) -> String {
        let (option, names, example) = (self.option, self.names(), self.example());
        format!("`{option}` is empty; its keys are {names}, as in `{option}({example})`")
    }

    fn example(&self) -> &'static str {
        self.known.first().map_or("", |(_, example)| example)
    }

    fn names(&self) -> String {
        suggest::list(self.known.iter().map(|(key, _)| *key))
    }
}
