//! Parameters under `#[cfg]` and `#[cfg_attr]`.
//!
//! Only the compiler knows whether a condition holds, and it asks after the macro has run. So the
//! macro writes the fn twice, for both answers, each under its own `#[cfg]` and with the attribute
//! of the task again: the one that stays is a task without that condition.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, Meta, Token};

use crate::function::Function;

/// A condition of one parameter.
struct Condition {
    parameter: usize,
    attribute: usize,
    predicate: TokenStream,
    /// What `cfg_attr` puts in its place; `None` for `cfg`, on which the parameter depends.
    attributes: Option<Vec<TokenStream>>,
}

/// The fn twice, by the first condition of a parameter; `None` if there is none. `attribute`
/// makes that of the task, without `#[…]`.
pub(crate) fn split(
    function: &Function,
    attribute: impl FnOnce() -> TokenStream,
) -> Option<TokenStream> {
    let condition = first(function)?;
    let attribute = attribute();
    let predicate = &condition.predicate;
    let met = with(function, &condition, true);
    let unmet = with(function, &condition, false);
    Some(quote! {
        #[cfg(#predicate)]
        #[#attribute]
        #met
        #[cfg(not(#predicate))]
        #[#attribute]
        #unmet
    })
}

fn first(function: &Function) -> Option<Condition> {
    let parameters = function.sig.inputs.iter().enumerate();
    parameters.into_iter().find_map(|(parameter, input)| {
        let attrs = attributes(input).iter().enumerate();
        attrs.into_iter().find_map(|(attribute, attr)| {
            let (predicate, attributes) = read(attr)?;
            Some(Condition {
                parameter,
                attribute,
                predicate,
                attributes,
            })
        })
    })
}

fn attributes(input: &FnArg) -> &[Attribute] {
    match input {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(argument) => &argument.attrs,
    }
}

/// Says what is wrong with a condition that [`split`] has left where it is.
pub(crate) fn problem(attr: &Attribute) -> Option<syn::Error> {
    let message = if attr.path().is_ident("cfg") {
        "`cfg` has one condition, such as `#[cfg(unix)]`; join several by `all(…)` or `any(…)`"
    } else if attr.path().is_ident("cfg_attr") {
        "`cfg_attr` has a condition and attributes, such as `#[cfg_attr(test, allow(unused))]`"
    } else {
        return None;
    };
    Some(syn::Error::new_spanned(&attr.meta, message))
}

/// The predicate of `cfg` and `cfg_attr`, and the attributes of the latter; `None` if it is
/// malformed.
fn read(attr: &Attribute) -> Option<(TokenStream, Option<Vec<TokenStream>>)> {
    let Meta::List(list) = &attr.meta else {
        return None;
    };
    let parts = Punctuated::<Part, Token![,]>::parse_terminated
        .parse2(list.tokens.clone())
        .ok()?;
    let mut parts = parts.into_iter().map(|part| part.0);
    let predicate = parts.next()?;
    let attributes: Vec<_> = parts.collect();
    match attr.path().is_ident("cfg_attr") {
        true => Some((predicate, Some(attributes))),
        false if attr.path().is_ident("cfg") && attributes.is_empty() => Some((predicate, None)),
        false => None,
    }
}

/// Something between two commas.
struct Part(TokenStream);

impl Parse for Part {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut tokens = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            tokens.extend([input.parse::<TokenTree>()?]);
        }
        match tokens.is_empty() {
            true => Err(input.error("nothing between two commas")),
            false => Ok(Self(tokens)),
        }
    }
}

/// The fn as it is if the condition is met, or not.
fn with(function: &Function, condition: &Condition, met: bool) -> Function {
    let mut function = function.clone();
    let inputs = function.sig.inputs.into_pairs().enumerate();
    function.sig.inputs = inputs
        .filter_map(|(i, mut pair)| {
            if i == condition.parameter {
                if !met && condition.attributes.is_none() {
                    return None;
                }
                let attrs = match pair.value_mut() {
                    FnArg::Receiver(receiver) => &mut receiver.attrs,
                    FnArg::Typed(argument) => &mut argument.attrs,
                };
                let instead = condition.attributes.iter().flatten().filter(|_| met);
                let instead = instead.filter_map(|attribute| {
                    let attribute = quote!(#[#attribute]);
                    Attribute::parse_outer.parse2(attribute).ok()
                });
                attrs.splice(
                    condition.attribute..=condition.attribute,
                    instead.flatten().collect::<Vec<_>>(),
                );
            }
            Some(pair)
        })
        .collect();
    function
}
