//! `#[pgq::test]`: an async test that is given a fixture.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, Ident, Path, Token, Type};

use crate::diagnostics::Diagnostics;
use crate::function::Function;
use crate::path;

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let krate = diagnostics.ok(parse_args.parse2(args)).flatten();
    let function = diagnostics.ok(syn::parse2::<Function>(item.clone()));
    let fixture = function
        .as_ref()
        .and_then(|function| diagnostics.ok(check(function)));
    let test = function
        .zip(fixture)
        .map(|(function, fixture)| code(krate.as_ref(), &function, &fixture, item.clone()));
    let mut tokens = test.unwrap_or(item);
    tokens.extend(diagnostics.into_tokens());
    tokens
}

/// The one option: `crate = path`.
fn parse_args(input: ParseStream<'_>) -> syn::Result<Option<Path>> {
    if input.is_empty() {
        return Ok(None);
    }
    let option = input.call(Ident::parse_any)?;
    if option != "crate" {
        let message = "unknown option; the only option of a test is `crate`";
        return Err(syn::Error::new(option.span(), message));
    }
    input.parse::<Token![=]>()?;
    let value: Expr = input.parse()?;
    let krate = path::parse(&value).map_err(|problem| {
        let message = format!("option `crate` {problem}");
        syn::Error::new_spanned(&value, message)
    })?;
    if !input.is_empty() {
        return Err(input.error("the only option of a test is `crate`"));
    }
    Ok(Some(krate))
}

/// Returns the type of what the test is given.
fn check(function: &Function) -> syn::Result<Type> {
    let sig = &function.sig;
    if let Some(word) = function.method() {
        let message = "a test cannot be a method; write a free `async fn`";
        return Err(syn::Error::new(word.span(), message));
    }
    if sig.asyncness.is_none() {
        let message = "this test must be async; write `async fn`, or use `#[test]`";
        return Err(syn::Error::new_spanned(sig.fn_token, message));
    }
    if let Some(generic) = sig.generics.params.first() {
        let message = "a test cannot be generic; name the types";
        return Err(syn::Error::new_spanned(generic, message));
    }
    let mut arguments = function.arguments();
    match (arguments.next(), arguments.next()) {
        (Some(argument), None) => Ok((*argument.ty).clone()),
        (_, Some(second)) => Err(syn::Error::new_spanned(
            second,
            "a test takes one parameter; open what else it needs in its body",
        )),
        (None, None) => Err(syn::Error::new(
            sig.ident.span(),
            "this test takes nothing; take `harness: pgq::testing::Harness` or \
             `database: pgq::testing::Database`, or use `#[tokio::test]`",
        )),
    }
}

/// A test that opens the fixture and calls the fn, which is inside it.
fn code(
    krate: Option<&Path>,
    function: &Function,
    fixture: &Type,
    item: TokenStream,
) -> TokenStream {
    let Function {
        attrs, vis, sig, ..
    } = function;
    let (name, output) = (&sig.ident, &sig.output);
    let private = krate.map_or_else(
        || quote_spanned!(Span::call_site()=> ::pgq::__private),
        |krate| quote!(#krate::__private),
    );
    let inner = without_attributes(item);
    quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis fn #name() #output {
            #inner
            #private::run_test::<#fixture, _>(#name)
        }
    }
}

/// The item without the attributes in front of it.
fn without_attributes(item: TokenStream) -> TokenStream {
    let parser = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<TokenStream>()
    };
    parser.parse2(item).unwrap_or_default()
}
