//! Writes what stands in for a task whose fn is wrong, so that its callers compile as far as
//! possible: the errors that the user sees are those of the fn.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Type;

use super::model::Options;
use super::{handle, signature, types};
use crate::function::{Function, local};

pub(crate) fn task(options: &Options, function: &Function) -> TokenStream {
    let private = options.private(Span::call_site());
    let name = &function.sig.ident;
    let task_name = &options.name;

    let item = handle::item(function);
    let allowed = handle::allowed(function);
    let methods = methods(&private, function);
    let output = match signature::output(&function.sig) {
        Ok(output) if !signature::is_generic(&function.sig) && options.batch_span.is_none() => {
            quote!(<#output as #private::IntoOutcome>::Ok)
        }
        _ => quote!(()),
    };
    quote! {
        #item

        #allowed
        const _: () = {
            #[automatically_derived]
            impl #private::Task for #name {
                const NAME: &'static ::core::primitive::str = #task_name;
                type Input = ();
                type Output = #output;
                async fn run(
                    _: &#private::Context,
                    _: Self::Input,
                ) -> ::core::result::Result<Self::Output, #private::TaskError> {
                    ::core::future::pending().await
                }
            }

            #methods
        };
    }
}

fn methods(private: &TokenStream, function: &Function) -> TokenStream {
    let name = &function.sig.ident;
    let vis = &function.vis;
    let enqueuer = local("enqueuer");
    let parameters: Vec<TokenStream> = parameters(function).collect();
    quote! {
        #[doc(hidden)]
        impl #name {
            #vis async fn enqueue(
                #enqueuer: impl #private::Enqueuer,
                #(_: #parameters),*
            ) -> ::core::result::Result<
                #private::JobHandle<<Self as #private::Task>::Output>,
                #private::EnqueueError,
            > {
                #private::JobBuilder::<Self>::new(()).enqueue(#enqueuer).await
            }

            #vis fn job(#(_: #parameters),*) -> #private::JobBuilder<Self> {
                #private::JobBuilder::new(())
            }

            #vis async fn enqueue_many(
                #enqueuer: impl #private::Enqueuer,
                _: impl ::core::iter::IntoIterator,
            ) -> ::core::result::Result<
                #private::Vec<#private::JobHandle<<Self as #private::Task>::Output>>,
                #private::EnqueueError,
            > {
                #private::enqueue_many::<Self, ()>(#enqueuer, [], |_| ()).await
            }
        }
    }
}

/// The type of each parameter that is input, or is meant to be: anything where it is not valid.
fn parameters(function: &Function) -> impl Iterator<Item = TokenStream> {
    let generic = signature::is_generic(&function.sig);
    function.arguments().filter_map(move |argument| {
        let ty = &argument.ty;
        match types::peel(ty) {
            Type::Reference(_) if !types::is_borrowed_input(ty) => None,
            _ if generic || types::owned(ty).is_err() => Some(quote!(impl ::core::marker::Sized)),
            _ => Some(quote!(#ty)),
        }
    })
}
