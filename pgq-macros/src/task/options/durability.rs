//! The option `durability`: whether commits wait for the disk of the server.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use crate::literal;

/// The values, with the names of the variants.
const VALUES: [(&str, &str); 2] = [("durable", "Durable"), ("relaxed", "Relaxed")];

/// The name of the variant.
#[derive(Clone, Copy)]
pub(crate) struct Durability(&'static str);

impl Durability {
    pub(in crate::task) fn parse(value: &Expr) -> Result<Self, String> {
        let given = literal::string(value).map(syn::LitStr::value);
        VALUES
            .into_iter()
            .find(|(name, _)| given.as_deref() == Some(name))
            .map(|(_, variant)| Self(variant))
            .ok_or_else(|| "must be `\"durable\"` or `\"relaxed\"`".to_owned())
    }

    pub(in crate::task) fn code(self, private: &TokenStream) -> TokenStream {
        let variant = quote::format_ident!("{}", self.0);
        quote!(#private::Durability::#variant)
    }
}
