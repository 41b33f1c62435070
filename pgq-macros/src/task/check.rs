//! Checks what is given for options, and reports what is wrong under its token.

use syn::{Expr, ExprLit, Lit};

use super::args::{Args, Given};
use super::keys::Keys;
use super::parameter;
use crate::diagnostics::Diagnostics;
use crate::function::Function;
use crate::{literal, suggest};

pub(super) struct Check<'a> {
    pub(super) args: &'a Args,
    pub(super) function: &'a Function,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Check<'_> {
    /// Checks the value of `option`, if it is given.
    pub(super) fn option<T>(
        &mut self,
        option: &str,
        parse: impl FnOnce(&Expr) -> Result<T, String>,
    ) -> Option<T> {
        self.value(option, self.args.value(option)?, parse)
    }

    /// Checks the value of `key`, if it is given.
    pub(super) fn key<T>(
        &mut self,
        keys: &Keys,
        key: &str,
        parse: impl FnOnce(&Expr) -> Result<T, String>,
    ) -> Option<T> {
        self.value(key, keys.get(key)?, parse)
    }

    pub(super) fn value<T>(
        &mut self,
        what: &str,
        value: &Expr,
        parse: impl FnOnce(&Expr) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = parse(value).map_err(|problem| error(value, format!("`{what}` {problem}")));
        self.diagnostics.ok(parsed)
    }

    /// Reports something about `tokens`.
    pub(super) fn refuse(&mut self, tokens: impl quote::ToTokens, message: impl Into<String>) {
        self.diagnostics.push(error(tokens, message.into()));
    }

    /// Reports that a key is missing, unless something else is wrong with the keys.
    pub(super) fn missing(&mut self, keys: &Keys, message: &str) {
        if !keys.is_partial {
            self.diagnostics.push(syn::Error::new(keys.span, message));
        }
    }

    /// Checks the parameters of the key `by`; empty if none is valid.
    pub(super) fn by(&mut self, keys: &Keys) -> Vec<String> {
        let by = keys.get("by");
        by.map(|value| self.parameters("by", value))
            .unwrap_or_default()
    }

    /// Checks an option that is given with keys, or in a shorter form.
    pub(super) fn with<T>(
        &mut self,
        option: &str,
        read: impl FnOnce(&mut Self, &Given) -> Option<T>,
    ) -> Option<T> {
        let given = self.args.get(option)?;
        read(self, given)
    }

    /// Checks a list of names, each by the rule of names and by `problem`, which is a sentence; empty
    /// if none is given.
    pub(super) fn names(
        &mut self,
        option: &str,
        problem: impl Fn(&str) -> Option<String>,
    ) -> Vec<String> {
        let Some(value) = self.args.value(option) else {
            return Vec::new();
        };
        let Expr::Array(list) = literal::peel(value) else {
            let given = literal::string(value).map(syn::LitStr::value);
            let example = given.unwrap_or_else(|| "one".to_owned());
            self.refuse(
                value,
                format!("`{option}` must be a list, such as `[{example:?}]`"),
            );
            return Vec::new();
        };
        let mut names: Vec<String> = Vec::new();
        for elem in &list.elems {
            let name = match literal::name(elem) {
                Ok(name) => name,
                Err(problem) => {
                    self.refuse(elem, format!("each of `{option}` {problem}"));
                    continue;
                }
            };
            if let Some(problem) = problem(&name) {
                self.refuse(elem, problem);
            } else if names.contains(&name) {
                self.refuse(elem, format!("`{name}` is given twice; remove one of them"));
            } else {
                names.push(name);
            }
        }
        if list.elems.is_empty() {
            self.refuse(list, format!("`{option}` is empty; remove it, or name one"));
        }
        names
    }

    /// Checks a list of parameters that make a key; empty if none is valid.
    pub(super) fn parameters(&mut self, what: &str, value: &Expr) -> Vec<String> {
        let Expr::Array(list) = literal::peel(value) else {
            let example = match literal::peel(value) {
                Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
                _ => None,
            };
            let example = example.unwrap_or_else(|| "customer".to_owned());
            let message = format!("`{what}` must be a list of parameters, such as `[{example}]`");
            self.refuse(value, message);
            return Vec::new();
        };
        let mut names = Vec::new();
        for elem in &list.elems {
            if let Some(name) = self.parameter(what, elem) {
                match names.contains(&name) {
                    true => self.refuse(elem, format!("`{name}` is named twice; remove one")),
                    false => names.push(name),
                }
            }
        }
        if list.elems.is_empty() {
            self.refuse(
                list,
                format!("`{what}` is empty; name a parameter, or remove it"),
            );
        }
        names
    }

    /// Checks the name of a parameter that is input.
    fn parameter(&mut self, what: &str, value: &Expr) -> Option<String> {
        let ident = match literal::peel(value) {
            Expr::Path(path) => path.path.get_ident(),
            _ => None,
        };
        let Some(ident) = ident else {
            let written = match literal::peel(value) {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(lit), ..
                }) => lit.value(),
                _ => "customer".to_owned(),
            };
            let message = format!("`{what}` takes names of parameters, such as `{written}`");
            self.refuse(value, message);
            return None;
        };
        let name = syn::ext::IdentExt::unraw(ident).to_string();
        let input: Vec<String> = parameter::input_names(self.function).collect();
        if input.contains(&name) {
            return Some(name);
        }
        let input = || input.iter().map(String::as_str);
        let meant = suggest::meant(&name, input());
        let known = match suggest::list(input()) {
            none if none.is_empty() => "this task takes no input".to_owned(),
            list => format!("the input is {list}"),
        };
        self.refuse(
            value,
            format!("`{name}` is not a parameter that is input; {meant}{known}"),
        );
        None
    }
}

fn error(tokens: impl quote::ToTokens, message: String) -> syn::Error {
    syn::Error::new_spanned(tokens, message)
}
