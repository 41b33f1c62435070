//! Where the library is found: `crate = path`, else `::pgq`.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Expr, Path};

use crate::literal;

/// Reads the value of `crate`: a path, also as a string.
pub(crate) fn parse(value: &Expr) -> Result<Path, String> {
    let problem = || {
        "must be the path at which pgq is found, such as `my_jobs` or `::facade::pgq`".to_owned()
    };
    if let Some(lit) = literal::string(value) {
        return lit.parse_with(Path::parse_mod_style).map_err(|_| problem());
    }
    match literal::peel(value) {
        Expr::Path(expr) if expr.qself.is_none() => Ok(expr.path.clone()),
        _ => Err(problem()),
    }
}

/// The module that generated code names things of. What the compiler says about them, it says at
/// `span`.
pub(crate) fn private(krate: Option<&Path>, span: Span) -> TokenStream {
    let default = || quote_spanned!(span=> ::pgq::__private);
    krate.map_or_else(default, |krate| located(quote!(#krate::__private), span))
}

/// The same tokens, resolved as before, with errors about them reported at `span`.
pub(crate) fn located(tokens: TokenStream, span: Span) -> TokenStream {
    let locate = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), located(group.stream(), span)).into();
        }
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_iter().map(locate).collect()
}
