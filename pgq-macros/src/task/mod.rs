//! `#[pgq::task]`: tokens → [`Args`] (as written) → [`Options`] and [`Shape`] (valid) → tokens.

mod args;
mod check;
mod code;
mod condition;
mod expand;
mod handle;
mod helper;
mod keys;
mod model;
mod options;
mod parameter;
mod signature;
mod stub;
mod types;
mod unique_name;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

pub(crate) use self::args::Args;
pub(crate) use self::code::duration;
pub(crate) use self::expand::{fields, source, task as code};
pub(crate) use self::model::{Options, Shape};
pub(crate) use self::stub::task as stub;
use crate::diagnostics::Diagnostics;
use crate::function::{self, Function};
use crate::path;

pub(crate) fn expand(tokens: &TokenStream, item: TokenStream) -> TokenStream {
    if let Some(error) = function::another_task(&item) {
        return quote!(#item #error);
    }
    let mut diagnostics = Diagnostics::default();
    let args = Args::parse(tokens.clone(), &mut diagnostics);
    let again = || again(&args, &quote!(task), tokens);
    finish(item, again, diagnostics, |function, diagnostics| {
        let options = Options::new(&args, function, diagnostics);
        match Shape::new(function, &options, diagnostics) {
            Some(shape) => code(&options, &shape, None),
            None => stub(&options, function),
        }
    })
}

/// The attribute once more, as it is written.
pub(crate) fn again(args: &Args, attribute: &TokenStream, tokens: &TokenStream) -> TokenStream {
    let krate = args
        .value("crate")
        .and_then(|krate| path::parse(krate).ok());
    let private = path::private(krate.as_ref(), Span::call_site());
    quote!(#private::#attribute(#tokens))
}

/// Parses the item and adds what `lower` makes of it, and every error.
///
/// The item itself is passed on without the attributes that only the macro knows, also when there
/// are errors: code that names the fn must not fail with a second, unrelated error.
///
/// If a parameter depends on a condition, the item is passed on with the attribute that `again`
/// makes instead.
pub(crate) fn finish(
    item: TokenStream,
    again: impl FnOnce() -> TokenStream,
    mut diagnostics: Diagnostics,
    lower: impl FnOnce(&Function, &mut Diagnostics) -> TokenStream,
) -> TokenStream {
    let Some(function) = diagnostics.ok(syn::parse2::<Function>(item.clone())) else {
        let mut tokens = item;
        tokens.extend(diagnostics.into_tokens());
        return tokens;
    };
    if let Some(split) = condition::split(&function, again) {
        return split;
    }
    let generated = match function.method() {
        // Beside a method there is no place for what would be generated.
        Some(word) => {
            diagnostics.push(syn::Error::new(word.span(), METHOD));
            None
        }
        None => Some(lower(&function, &mut diagnostics)),
    };
    let mut tokens = helper::strip(function).into_token_stream();
    tokens.extend(generated);
    tokens.extend(diagnostics.into_tokens());
    tokens
}

const METHOD: &str = "a task cannot be a method; write a free `async fn`, and take what it needs of \
                      `self` as `&T`: state that `run()` is given";
