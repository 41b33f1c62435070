//! The attributes that a parameter of a task may have besides those of the compiler: `#[default]`
//! and `#[secret]`. They are taken off the fn.

use proc_macro2::Span;
use syn::{Attribute, Expr, FnArg, Meta, parse_quote};

use super::condition;
use crate::diagnostics::Diagnostics;
use crate::function::Function;

const DEFAULT: &str = "default";
const SECRET: &str = "secret";

/// What the attributes of one parameter say.
#[derive(Default)]
pub(crate) struct Helpers {
    pub(crate) default: Option<Default>,
    /// Where `secret` is written.
    pub(crate) secret: Option<Span>,
}

/// The value of a parameter that a stored input does not have.
pub(crate) enum Default {
    /// That of the type; the span is of `default`.
    OfType(Span),
    /// What the expression says.
    Expr(Expr),
}

impl Default {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::OfType(span) => *span,
            Self::Expr(expr) => syn::spanned::Spanned::span(expr),
        }
    }
}

impl Helpers {
    /// Reads what it can, and reports the rest.
    pub(crate) fn new(attrs: &[Attribute], diagnostics: &mut Diagnostics) -> Self {
        let mut helpers = Self::default();
        for attr in attrs.iter().filter(|attr| is_helper(attr)) {
            let read = helpers.read(attr);
            diagnostics.ok(read);
        }
        for problem in attrs.iter().filter_map(condition::problem) {
            diagnostics.push(problem);
        }
        helpers
    }

    /// Shared state is not stored, so nothing can be missing or be shown.
    pub(crate) fn refuse_on_state(&self) -> syn::Result<()> {
        let default = self.default.as_ref().map(|default| {
            let message = "state is what `run()` is given, so it has no default; remove this, or \
                           take an owned type to make it input";
            syn::Error::new(default.span(), message)
        });
        let secret = self.secret.map(|span| {
            let message = "state is not stored, so it is secret already; remove this";
            syn::Error::new(span, message)
        });
        let errors = default.into_iter().chain(secret);
        let all = errors.reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.map_or(Ok(()), Err)
    }

    fn read(&mut self, attr: &Attribute) -> syn::Result<()> {
        let span = attr.path().segments[0].ident.span();
        let twice = match attr.path().is_ident(SECRET) {
            true => {
                attr.meta.require_path_only().map_err(|_| {
                    let message = "`secret` has no value; write `#[secret]`";
                    syn::Error::new_spanned(&attr.meta, message)
                })?;
                self.secret.replace(span).is_some()
            }
            false => self.default.replace(default(attr, span)?).is_some(),
        };
        match twice {
            true => Err(syn::Error::new(
                span,
                "the parameter has this attribute twice; remove one of them",
            )),
            false => Ok(()),
        }
    }
}

fn default(attr: &Attribute, span: Span) -> syn::Result<Default> {
    match &attr.meta {
        Meta::Path(_) => Ok(Default::OfType(span)),
        Meta::NameValue(value) => Ok(Default::Expr(value.value.clone())),
        Meta::List(list) => {
            let message = format!("write the value behind `=`: `#[default = {}]`", list.tokens);
            Err(syn::Error::new_spanned(&attr.meta, message))
        }
    }
}

fn is_helper(attr: &Attribute) -> bool {
    attr.path().is_ident(DEFAULT) || attr.path().is_ident(SECRET)
}

/// The fn as the compiler is to see it: without what it does not know, and what it would refuse once
/// more, in words of its own.
pub(crate) fn strip(mut function: Function) -> Function {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(argument) = input {
            argument
                .attrs
                .retain(|attr| !is_helper(attr) && condition::problem(attr).is_none());
        }
    }
    function.sig.variadic = None;
    if function.sig.asyncness.is_none() {
        // Input is owned: to take a reference, as the lint says, is to take state.
        function
            .attrs
            .push(parse_quote!(#[allow(clippy::needless_pass_by_value)]));
    }
    function
}
