//! The item under an attribute: a fn, of which the body is not looked at.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, Signature, Token, Visibility};

/// A fn without its body.
///
/// The body is not parsed: that is the compiler's business, and it makes an editor's half-written
/// body work.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
}

impl Function {
    /// The name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }
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
        input.parse::<TokenStream>()?;
        Ok(Self { attrs, vis, sig })
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

/// A name for a local variable or a parameter of generated code. It is not the user's of the same
/// spelling, and those do not see it.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
