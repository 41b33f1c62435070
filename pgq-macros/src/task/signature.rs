//! What the signature of a task must not have.

use quote::ToTokens;
use syn::{GenericParam, ReturnType, Safety, Signature, Type};

use super::{model, types};

/// Everything that is wrong apart from the parameters and the return type.
pub(crate) fn problems(sig: &Signature) -> Vec<syn::Error> {
    let mut problems = Vec::new();
    let mut refuse = |tokens: &dyn ToTokens, message: &str| {
        problems.push(syn::Error::new_spanned(tokens.to_token_stream(), message));
    };
    if let Some(token) = &sig.constness {
        refuse(token, "a task cannot be `const`; remove it");
    }
    if sig.asyncness.is_none() {
        refuse(&sig.fn_token, "a task must be async; write `async fn`");
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
    problems
}

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
