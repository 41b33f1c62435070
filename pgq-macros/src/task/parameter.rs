//! One parameter of a task: `&T` is injected, everything else is input.

use syn::ext::IdentExt;
use syn::{Ident, Pat, PatType, Type};

use super::helper::{self, Helpers};
use super::types;
use crate::function::Function;

pub(crate) enum Parameter<'a> {
    /// Shared state of type `ty`, taken by reference.
    Injected { ty: &'a Type },
    /// A part of the input.
    Owned {
        ident: &'a Ident,
        ty: &'a Type,
        /// What stands for it where a stored input does not have it.
        default: Option<helper::Default>,
        /// Whether its value is shown nowhere.
        secret: bool,
    },
}

impl<'a> Parameter<'a> {
    pub(crate) fn new(argument: &'a PatType, helpers: Helpers) -> syn::Result<Self> {
        if let Type::Reference(reference) = types::peel(&argument.ty) {
            named(&argument.pat, Wildcard::Allowed)?;
            let ty = types::injected(reference)?;
            helpers.refuse_on_state()?;
            return Ok(Self::Injected { ty });
        }
        let ident = named(&argument.pat, Wildcard::Refused);
        types::owned(&argument.ty)?;
        match ident? {
            Some(ident) => Ok(Self::Owned {
                ident,
                ty: &argument.ty,
                default: helpers.default,
                secret: helpers.secret.is_some(),
            }),
            None => Err(unnamed(&argument.pat)),
        }
    }
}

/// The names of the parameters that are input, or are meant to be.
pub(crate) fn input_names(function: &Function) -> impl Iterator<Item = String> {
    function.arguments().filter_map(|argument| {
        let is_input = !matches!(types::peel(&argument.ty), Type::Reference(_))
            || types::is_borrowed_input(&argument.ty);
        match &*argument.pat {
            Pat::Ident(pat) if is_input => Some(pat.ident.unraw().to_string()),
            _ => None,
        }
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Wildcard {
    Allowed,
    Refused,
}

/// The name that a parameter binds; `None` for `_`.
fn named(pat: &Pat, wildcard: Wildcard) -> syn::Result<Option<&Ident>> {
    match pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Ok(Some(&pat.ident)),
        Pat::Wild(_) if wildcard == Wildcard::Allowed => Ok(None),
        Pat::Wild(_) => Err(unnamed(pat)),
        _ => Err(syn::Error::new_spanned(
            pat,
            "a parameter of a task must be a plain name; take it apart in the body",
        )),
    }
}

fn unnamed(pat: &Pat) -> syn::Error {
    syn::Error::new_spanned(
        pat,
        "a parameter of a task needs a name, under which it is stored; write `_name` if it is not \
         used",
    )
}
