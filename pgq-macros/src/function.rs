//! The item under an attribute: a fn, of which the body is not looked at.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Ident, PatType, Signature, Token, Visibility};

/// A fn.
///
/// The body is not parsed: that is the compiler's business, and it makes an editor's half-written
/// body work.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    body: TokenStream,
}

impl Function {
    /// The name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    /// The parameters, without `self`.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &PatType> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        })
    }

    /// Returns the `self` or `Self` by which a method is known.
    pub(crate) fn method(&self) -> Option<Ident> {
        let mut inputs = self.sig.inputs.iter();
        let receiver = inputs.find_map(|input| match input {
            FnArg::Receiver(receiver) => Some(Ident::new("self", receiver.self_token.span)),
            FnArg::Typed(_) => None,
        });
        receiver.or_else(|| find_self(self.sig.to_token_stream()))
    }
}

fn find_self(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => Some(ident),
        TokenTree::Group(group) => find_self(group.stream()),
        _ => None,
    })
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        if !starts_fn(input) {
            return Err(input.error("this attribute goes on an `async fn`"));
        }
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error(
                "a task needs a body; put the attribute on a free `async fn`, not on a declaration",
            ));
        }
        let body = input.parse()?;
        Ok(Self {
            attrs,
            vis,
            sig,
            body,
        })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            attrs,
            vis,
            sig,
            body,
        } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

/// Returns `true` if `fn` comes next, after nothing but what may stand in front of it.
fn starts_fn(input: ParseStream<'_>) -> bool {
    let input = input.fork();
    loop {
        match input.parse::<TokenTree>() {
            Ok(TokenTree::Ident(ident)) if ident == "fn" => return true,
            Ok(TokenTree::Ident(ident))
                if ["async", "const", "unsafe", "extern", "safe"]
                    .iter()
                    .any(|word| ident == word) => {}
            Ok(TokenTree::Literal(_)) => {}
            _ => return false,
        }
    }
}

/// The error of an item that another attribute makes a task as well; `None` if there is none. That
/// attribute is left to make it one.
pub(crate) fn another_task(item: &TokenStream) -> Option<TokenStream> {
    const MESSAGE: &str = "a fn is one task with one schedule at most; keep one of the attributes, \
                           and for a second schedule write a second fn that calls this one";

    let function: Function = syn::parse2(item.clone()).ok()?;
    let path = function.attrs.iter().map(Attribute::path).find(|path| {
        let last = path.segments.last();
        path.segments.len() > 1
            && last.is_some_and(|last| last.ident == "task" || last.ident == "cron")
    })?;
    Some(syn::Error::new_spanned(path, MESSAGE).into_compile_error())
}

/// A name for a local variable or a parameter of generated code. It is not the user's of the same
/// spelling, and those do not see it.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
