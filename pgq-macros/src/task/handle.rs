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
    let deprecated = deprecated(&function.attrs);
    let allowed = function.attrs.iter().filter_map(allow);
    let hidden = function.attrs.iter().filter(|attr| is_hidden(attr));
    quote! {
        #[doc = #doc]
        #(#hidden)*
        #deprecated
        #(#allowed)*
        #[allow(non_camel_case_types)]
        #vis enum #name {}
    }
}

/// `enqueue`, `job` and `enqueue_many`.
pub(crate) fn methods(private: &TokenStream, shape: &Shape<'_>) -> TokenStream {
    let Function { vis, sig, .. } = shape.function;
    let name = &sig.ident;
    let (enqueuer, inputs) = (local("enqueuer"), local("inputs"));
    let idents: Vec<&Ident> = shape.owned().map(|(ident, _)| ident).collect();
    let types: Vec<&Type> = shape.owned().map(|(_, ty)| ty).collect();
    let item = one_or_tuple(&types);
    let pattern = one_or_tuple(&idents);
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
            #[inline]
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

/// The lints that generated code does not report: those that the fn allows or expects, and those
/// that would report the fn a second time.
pub(crate) fn allowed(function: &Function) -> TokenStream {
    let deprecated = deprecated(&function.attrs).map(|_| quote!(#[allow(deprecated)]));
    let allowed = function.attrs.iter().filter_map(allow);
    quote! {
        #[allow(dead_code, non_snake_case, private_interfaces)]
        #[allow(clippy::too_many_arguments, clippy::type_complexity)]
        #deprecated
        #(#allowed)*
    }
}

fn allow(attr: &Attribute) -> Option<TokenStream> {
    match &attr.meta {
        Meta::List(list) if attr.path().is_ident("allow") || attr.path().is_ident("expect") => {
            let lints = &list.tokens;
            Some(quote!(#[allow(#lints)]))
        }
        _ => None,
    }
}

fn deprecated(attrs: &[Attribute]) -> Option<&Attribute> {
    attrs.iter().find(|attr| attr.path().is_ident("deprecated"))
}

fn is_hidden(attr: &Attribute) -> bool {
    attr.path().is_ident("doc")
        && matches!(&attr.meta, Meta::List(list) if list.tokens.to_string() == "hidden")
}
