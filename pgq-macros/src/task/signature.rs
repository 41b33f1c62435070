//! What the signature of a task must not have.

use std::collections::BTreeSet;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{GenericParam, Pat, ReturnType, Safety, Signature, Type};

use super::{model, types};
use crate::function::Function;

/// Everything that is wrong apart from the parameters and the return type.
/// `blocking` is the span of that option.
pub(crate) fn problems(sig: &Signature, blocking: Option<Span>) -> Vec<syn::Error> {
    let mut problems = Vec::new();
    let mut refuse = |tokens: &dyn ToTokens, message: &str| {
        problems.push(syn::Error::new_spanned(tokens.to_token_stream(), message));
    };
    if let Some(token) = &sig.constness {
        refuse(token, "a task cannot be `const`; remove it");
    }
    if sig.asyncness.is_none() && blocking.is_none() {
        refuse(&sig.fn_token, NOT_ASYNC);
    }
    if let Safety::Unsafe(token) = &sig.safety {
        refuse(
            token,
            "a task cannot be `unsafe`, since any job may call it; put the `unsafe` into its body",
        );
    }
    if let Some(abi) = &sig.abi {
        refuse(abi, "a task cannot be `extern`; remove it");
    }
    for parameter in &sig.generics.params {
        match parameter {
            GenericParam::Lifetime(_) => {}
            GenericParam::Type(parameter) => refuse(&parameter.ident, GENERIC),
            GenericParam::Const(parameter) => refuse(&parameter.ident, GENERIC),
        }
    }
    if let Some(variadic) = &sig.variadic {
        refuse(variadic, "a task cannot be variadic; take a `Vec`");
    }
    if let (Some(span), Some(_)) = (blocking, &sig.asyncness) {
        problems.push(syn::Error::new(span, ASYNC_AND_BLOCKING));
    }
    problems
}

const NOT_ASYNC: &str = "a plain `fn` would block the other tasks; write `async fn`, or give the \
                         task the option `blocking`, which runs it on a thread of its own";
const ASYNC_AND_BLOCKING: &str = "`blocking` is for a plain `fn`, and this one is async; remove \
                                  `blocking`, or `async`";
const GENERIC: &str =
    "a task cannot be generic, since a job must name one type; write a task for each type";

/// The return type, `()` if none is written.
pub(crate) fn output(sig: &Signature) -> syn::Result<Type> {
    match &sig.output {
        ReturnType::Default => Ok(model::unit()),
        ReturnType::Type(_, ty) => {
            types::returned(ty)?;
            Ok((**ty).clone())
        }
    }
}

/// The return type of a task that takes the input of many jobs.
pub(crate) fn batch_output(sig: &Signature) -> syn::Result<Type> {
    match &sig.output {
        ReturnType::Type(_, ty) => match types::item_of_vec(ty) {
            Ok(item) => {
                types::outcome_of_one(item)?;
                types::result_type(ty)?;
                Ok((**ty).clone())
            }
            Err(_) => output(sig),
        },
        ReturnType::Default => output(sig),
    }
}

/// Parameters of one name. `macro_rules` can write them, each in a context of its own.
pub(crate) fn repeated(function: &Function) -> Vec<syn::Error> {
    let mut seen = BTreeSet::new();
    let idents = function
        .arguments()
        .filter_map(|argument| match &*argument.pat {
            Pat::Ident(pat) => Some(&pat.ident),
            _ => None,
        });
    idents
        .filter(|ident| !seen.insert(ident.to_string()))
        .map(|ident| {
            let message = format!(
                "another parameter is named `{ident}`, and input is stored by name; rename one"
            );
            syn::Error::new(ident.span(), message)
        })
        .collect()
}

/// Returns `true` if there is a type in the signature that is not known here.
pub(crate) fn is_generic(sig: &Signature) -> bool {
    let mut parameters = sig.generics.params.iter();
    parameters.any(|parameter| !matches!(parameter, GenericParam::Lifetime(_)))
}
