//! The enum beside the fn, and the fns that make jobs of it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Ident, Meta, Type};

use super::model::Shape;
use crate::function::{Function, local};

/// The type of the fn's own name. It has no values.
pub(crate) fn item(function: &Function) -> TokenStream {
    let Function { vis, sig, .. } = function;
    let name = &sig.ident;
    let doc = format!(
        "The task `{}`: makes its jobs, and stands for it as a type.",
        function.name()
    );
    let carried = carried(&function.attrs);
    let hidden = function.attrs.iter().filter(|attr| is_hidden(attr));
    quote! {
        #[doc = #doc]
        #(#hidden)*
        #(#carried)*
        #[allow(non_camel_case_types)]
        #vis enum #name {}
    }
}

/// `enqueue`, `job` and `enqueue_many`.
pub(crate) fn methods(private: &TokenStream, shape: &Shape<'_>) -> TokenStream {
    let Function { attrs, vis, sig } = shape.function;
    let name = &sig.ident;
    let (enqueuer, inputs) = (local("enqueuer"), local("inputs"));
    let idents: Vec<&Ident> = shape.owned().map(|(ident, _)| ident).collect();
    let types: Vec<&Type> = shape.owned().map(|(_, ty)| ty).collect();
    let item = one_or_tuple(&types);
    let pattern = one_or_tuple(&idents);
    let allows = attrs.iter().filter_map(allow);
    let future = |output: TokenStream| {
        quote! {
            impl ::core::future::Future<
                Output = ::core::result::Result<#output, #private::EnqueueError>,
            > + ::core::marker::Send
        }
    };
    let handle = quote!(#private::JobHandle<<Self as #private::Task>::Output>);
    let one = future(handle.clone());
    let many = future(quote!(#private::Vec<#handle>));
    quote! {
        #(#allows)*
        #[allow(dead_code, private_interfaces)]
        impl #name {
            /// Enqueues a job with the options of the task.
            ///
            /// # Errors
            ///
            /// Fails if the input cannot be written or is too large, or if the storage fails.
            #vis fn enqueue(#enqueuer: impl #private::Enqueuer, #(#idents: #types),*) -> #one {
                Self::job(#(#idents),*).enqueue(#enqueuer)
            }

            /// Makes a job that can be given options of its own before it is enqueued.
            #vis fn job(#(#idents: #types),*) -> #private::JobBuilder<Self> {
                #private::JobBuilder::new(__PgqInput { #(#idents),* })
            }

            /// Enqueues a job for each input, with the options of the task, in one statement.
            ///
            /// # Errors
            ///
            /// Like `enqueue`; on an error none is enqueued.
            #vis fn enqueue_many(
                #enqueuer: impl #private::Enqueuer,
                #inputs: impl ::core::iter::IntoIterator<Item = #item>,
            ) -> #many {
                #private::enqueue_many::<Self, _>(
                    #enqueuer,
                    #inputs,
                    |#pattern| __PgqInput { #(#idents),* },
                )
            }
        }
    }
}

/// `()`, the one, or a tuple.
fn one_or_tuple<T: quote::ToTokens>(all: &[T]) -> TokenStream {
    match all {
        [one] => quote!(#one),
        all => quote!((#(#all),*)),
    }
}

/// The attributes of the fn that hold for its task as well.
fn carried(attrs: &[Attribute]) -> impl Iterator<Item = TokenStream> {
    attrs.iter().filter_map(|attr| {
        if attr.path().is_ident("deprecated") {
            return Some(quote!(#attr));
        }
        allow(attr)
    })
}

/// The lints that the fn allows or expects, and that the code made of it must not report either.
pub(crate) fn allow(attr: &Attribute) -> Option<TokenStream> {
    match &attr.meta {
        Meta::List(list) if attr.path().is_ident("allow") || attr.path().is_ident("expect") => {
            let lints = &list.tokens;
            Some(quote!(#[allow(#lints)]))
        }
        _ => None,
    }
}

fn is_hidden(attr: &Attribute) -> bool {
    attr.path().is_ident("doc")
        && matches!(&attr.meta, Meta::List(list) if list.tokens.to_string() == "hidden")
}
