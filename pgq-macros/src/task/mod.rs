//! `#[pgq::task]`: tokens → [`Args`] (as written) → [`Options`] and [`Shape`] (valid) → tokens.

mod args;
mod check;
mod code;
mod expand;
mod fingerprint;
mod handle;
mod keys;
mod model;
mod options;
mod parameter;
mod signature;
mod stub;
mod types;

use proc_macro2::TokenStream;

pub(crate) use self::args::Args;
pub(crate) use self::expand::{source, task as code};
pub(crate) use self::model::{Options, Shape};
pub(crate) use self::stub::task as stub;
use crate::diagnostics::Diagnostics;
use crate::function::Function;

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let args = Args::parse(args, &mut diagnostics);
    finish(item, diagnostics, |function, diagnostics| {
        let options = Options::new(&args, function, diagnostics);
        match Shape::new(function, diagnostics) {
            Some(shape) => code(&options, &shape, None),
            None => stub(&options, function),
        }
    })
}

/// Parses the item and adds what `lower` makes of it, and every error.
///
/// The item itself is passed on as it is, also when there are errors: code that names the fn must
/// not fail with a second, unrelated error.
pub(crate) fn finish(
    item: TokenStream,
    mut diagnostics: Diagnostics,
    lower: impl FnOnce(&Function, &mut Diagnostics) -> TokenStream,
) -> TokenStream {
    let function = diagnostics.ok(syn::parse2::<Function>(item.clone()));
    let generated = function.and_then(|function| match function.method() {
        // Beside a method there is no place for what would be generated.
        Some(word) => {
            diagnostics.push(syn::Error::new(word.span(), METHOD));
            None
        }
        None => Some(lower(&function, &mut diagnostics)),
    });
    let mut tokens = item;
    tokens.extend(generated);
    tokens.extend(diagnostics.into_tokens());
    tokens
}

const METHOD: &str = "a task cannot be a method; write a free `async fn`, and take what it needs of \
                      `self` as `&T`: state that `run()` is given";
