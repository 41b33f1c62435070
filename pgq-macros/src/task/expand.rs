//! Writes the code of a valid task. There are no rules here.
//!
//! Generated code has no logic: it names types, hands values on, and calls `pgq::__private`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, Type};

use super::code;
use super::model::{Options, Shape};
use super::parameter::Parameter;
use super::{handle, helper, unique_name};
use crate::function::local;
use crate::path;

/// The code of a task. `more` is registered with it.
pub(crate) fn task(
    options: &Options,
    shape: &Shape<'_>,
    more: Option<&TokenStream>,
) -> TokenStream {
    let private = options.private(Span::call_site());
    let name = &shape.function.sig.ident;

    let item = handle::item(shape.function);
    let allowed = handle::allowed(shape.function);
    let methods = handle::methods(&private, shape);
    let constants = constants(&private, shape);
    let input = input(&private, shape);
    let task = task_impl(&private, options, shape);
    let source = source(&private, name);
    // A task that is not registered may stand beside another one of its name.
    let registered = options.register.then(|| {
        let unique_name = unique_name::definition(&options.name, options.name_span);
        quote! {
            #private::inventory::submit! {
                #private::Registration::Task(#private::TaskDescriptor::of::<#name>(#source))
            }
            #unique_name
        }
    });
    quote! {
        #item

        #allowed
        const _: () = {
            #constants
            #input
            #task
            #methods

            #registered
            #more
        };
    }
}

/// Where the fn is written. The span of its name keeps `line!()` from naming the attribute.
pub(crate) fn source(private: &TokenStream, name: &Ident) -> TokenStream {
    let line = quote_spanned!(name.span()=> ::core::line!());
    quote!(#private::Source { file: ::core::file!(), line: #line })
}

/// One constant for each parameter. The bounds on its type are met, or not, here and nowhere else,
/// so that there is one error for each type, under that type.
fn constants(private: &TokenStream, shape: &Shape<'_>) -> TokenStream {
    let constants = shape.parameters.iter().enumerate().map(|(i, parameter)| {
        let constant = constant(i);
        match parameter {
            Parameter::Injected { ty } => quote_spanned! {ty.span()=>
                const #constant: #private::State<#ty> = #private::state::<#ty>();
            },
            Parameter::Owned {
                ident,
                ty,
                default,
                secret,
            } => {
                let name = ident.unraw().to_string();
                let default = default
                    .as_ref()
                    .map(|default| or_default(private, ty, default));
                let secret = secret.then(|| quote!(.secret()));
                quote_spanned! {ty.span()=>
                    const #constant: #private::Parameter<#ty> =
                        #private::parameter::<#ty>(#name) #default #secret;
                }
            }
        }
    });
    quote!(#(#constants)*)
}

/// What stands for a parameter that a stored input does not have.
fn or_default(private: &TokenStream, ty: &Type, default: &helper::Default) -> TokenStream {
    match default {
        // A type without a default is reported under the attribute.
        helper::Default::OfType(span) => {
            let default = path::located(quote!(#private::default::<#ty>), *span);
            quote!(.or(#default))
        }
        helper::Default::Expr(expr) => quote!(.or(|| #expr)),
    }
}

fn constant(index: usize) -> Ident {
    format_ident!("__PGQ_PARAMETER_{index}")
}

/// The constant and the name of each parameter that is input.
pub(crate) fn fields<'a>(
    shape: &'a Shape<'_>,
) -> impl Iterator<Item = (Ident, &'a Ident, &'a Type)> {
    let parameters = shape.parameters.iter().enumerate();
    parameters.filter_map(|(i, parameter)| match parameter {
        Parameter::Owned { ident, ty, .. } => Some((constant(i), *ident, *ty)),
        Parameter::Injected { .. } => None,
    })
}

/// The type of the input, and how it is written and read.
fn input(private: &TokenStream, shape: &Shape<'_>) -> TokenStream {
    let (reader, bytes) = (local("reader"), local("bytes"));
    let (value, error) = (local("value"), local("error"));
    let constants: Vec<_> = fields(shape).map(|(constant, ..)| constant).collect();
    let idents: Vec<_> = fields(shape).map(|(_, ident, _)| ident).collect();
    let types = fields(shape).map(|(.., ty)| ty);
    let name = &shape.function.sig.ident;
    // An error about the whole input, such as that it is not `Send`, is shown under the fn's name.
    let input_type = quote_spanned!(name.span()=> __PgqInput);
    // It is spelled out, because `?` is a call of two fns, which are compiled for every task.
    let or_return = quote! {
        ::core::result::Result::Ok(#value) => #value,
        ::core::result::Result::Err(#error) => return ::core::result::Result::Err(#error),
    };
    quote! {
        #[doc(hidden)]
        pub struct __PgqInput {
            #(pub #idents: #types,)*
        }

        #[automatically_derived]
        impl #private::Input for #input_type {
            fn encode(
                &self,
            ) -> ::core::result::Result<#private::Vec<::core::primitive::u8>, #private::EncodeError>
            {
                #private::encode(&[#(#constants.value(&self.#idents)),*])
            }

            fn decode(
                #bytes: &[::core::primitive::u8],
            ) -> ::core::result::Result<Self, #private::DecodeError> {
                let #reader = match #private::InputReader::new(#bytes) {
                    #or_return
                };
                ::core::result::Result::Ok(Self {
                    #(#idents: match #constants.read(&#reader) {
                        #or_return
                    },)*
                })
            }

            fn shape() -> #private::Shape {
                #private::Shape::parameters([#(#constants.shape()),*])
            }
        }
    }
}

fn task_impl(private: &TokenStream, options: &Options, shape: &Shape<'_>) -> TokenStream {
    let name = &shape.function.sig.ident;
    let task_name = &options.name;
    let aliases = aliases(options);
    let task_options = code::options(private, options);
    let secrets = secrets(shape);
    let output = &shape.output;
    // Its span is where an output that cannot be stored, or is private, is reported.
    let outcome = if shape.is_batch {
        quote!(#private::IntoBatchOutcome)
    } else {
        quote!(#private::IntoOutcome)
    };
    let output = quote_spanned! {output.span()=>
        type Output = <#output as #outcome>::Ok;
    };
    let injected = injected(private, shape);
    let run = run(private, options, shape);
    quote! {
        #[automatically_derived]
        impl #private::Task for #name {
            const NAME: &'static ::core::primitive::str = #task_name;
            #aliases
            const OPTIONS: #private::TaskOptions = #task_options;
            #secrets
            type Input = __PgqInput;
            #output
            #injected
            #run
        }
    }
}

fn aliases(options: &Options) -> Option<TokenStream> {
    let aliases = &options.aliases;
    (!aliases.is_empty()).then(|| {
        quote! {
            const ALIASES: &'static [&'static ::core::primitive::str] = &[#(#aliases),*];
        }
    })
}

fn secrets(shape: &Shape<'_>) -> Option<TokenStream> {
    let secrets = shape.secrets();
    (!secrets.is_empty()).then(|| {
        quote! {
            const SECRETS: &'static [&'static ::core::primitive::str] = &[#(#secrets),*];
        }
    })
}

fn injected(private: &TokenStream, shape: &Shape<'_>) -> Option<TokenStream> {
    let parameters = shape.parameters.iter().enumerate();
    let states: Vec<_> = parameters
        .filter(|(_, parameter)| matches!(parameter, Parameter::Injected { .. }))
        .map(|(i, _)| constant(i))
        .collect();
    if states.is_empty() {
        return None;
    }
    Some(quote! {
        fn injected() -> #private::Vec<#private::Injected> {
            ::core::convert::From::from([#(#states.injected()),*])
        }
    })
}

/// One attempt of a task that takes the input of many jobs.
fn run_in_batch(private: &TokenStream, options: &Options, shape: &Shape<'_>) -> TokenStream {
    let name = &shape.function.sig.ident;
    let (context, input, returned) = (local("context"), local("input"), local("returned"));
    let (inputs, jobs) = (local("inputs"), local("jobs"));
    let arguments = shape.parameters.iter().enumerate().map(|(i, parameter)| {
        let constant = constant(i);
        match parameter {
            Parameter::Injected { .. } => quote!(#constant.get(&#context)?),
            Parameter::Owned { ident, .. } => quote! {
                #private::each(#inputs, |#input| #input.#ident)
            },
        }
    });
    let outcome = path::located(
        quote!(#private::batch_outcome(#returned, #jobs)),
        shape.output.span(),
    );
    let sendable = options.private(name.span());
    let call = quote_spanned!(name.span()=> #sendable::sendable(#name(#(#arguments),*)).await);
    quote! {
        async fn run(
            #context: &#private::Context,
            #input: Self::Input,
        ) -> ::core::result::Result<Self::Output, #private::TaskError> {
            #private::run_in_batch::<Self, _, _>(#context, #input, |#context, #inputs| async move {
                let _ = &#context;
                let #jobs = #inputs.len();
                let #returned = #call;
                #outcome
            })
            .await
        }
    }
}

fn run(private: &TokenStream, options: &Options, shape: &Shape<'_>) -> TokenStream {
    if shape.is_batch {
        return run_in_batch(private, options, shape);
    }
    if options.blocking.is_some() {
        return run_blocking(private, shape);
    }
    let name = &shape.function.sig.ident;
    let (context, input) = (local("context"), local("input"));
    let (found, missing) = (local("found"), local("missing"));
    let parameters = shape.parameters.iter().enumerate();
    let states = parameters.clone().filter_map(|(i, parameter)| {
        let (constant, state) = (constant(i), state(i));
        matches!(parameter, Parameter::Injected { .. }).then(|| {
            quote! {
                let #state = match #constant.get(#context) {
                    ::core::result::Result::Ok(#found) => #found,
                    ::core::result::Result::Err(#missing) => {
                        return #private::Running::failed(#missing);
                    }
                };
            }
        })
    });
    let arguments = parameters.map(|(i, parameter)| match parameter {
        Parameter::Injected { .. } => state(i).into_token_stream(),
        Parameter::Owned { ident, .. } => quote!(#input.#ident),
    });
    let ignored = ignored(shape, &context, &input);
    // An error that cannot be the error of a task is reported under the return type.
    let outcome = path::located(quote!(#private::outcome), shape.output.span());
    // A future that is not `Send` is an error under the name of the fn.
    let attempt = options.private(name.span());
    let attempt = quote_spanned!(name.span()=> #attempt::attempt(#name(#(#arguments),*), #outcome));
    quote! {
        fn run(
            #context: &#private::Context,
            #input: Self::Input,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<Self::Output, #private::TaskError>,
        > + ::core::marker::Send {
            #ignored
            #(#states)*
            #attempt
        }
    }
}

fn state(index: usize) -> Ident {
    local(&format!("state_{index}"))
}

/// Uses what a task does not take.
fn ignored(shape: &Shape<'_>, context: &Ident, input: &Ident) -> TokenStream {
    let ignore_input = shape
        .owned()
        .next()
        .is_none()
        .then(|| quote!(let _ = #input;));
    let ignore_context = shape
        .parameters
        .iter()
        .all(|parameter| matches!(parameter, Parameter::Owned { .. }))
        .then(|| quote!(let _ = #context;));
    quote!(#ignore_context #ignore_input)
}

/// One attempt of a task that is a plain fn.
fn run_blocking(private: &TokenStream, shape: &Shape<'_>) -> TokenStream {
    let name = &shape.function.sig.ident;
    let (context, input, returned) = (local("context"), local("input"), local("returned"));
    let arguments = shape.parameters.iter().enumerate().map(|(i, parameter)| {
        let constant = constant(i);
        match parameter {
            Parameter::Injected { .. } => quote!(#constant.get(#context)?),
            Parameter::Owned { ident, .. } => quote!(#input.#ident),
        }
    });
    let ignored = ignored(shape, &context, &input);
    let outcome = path::located(quote!(#private::outcome(#returned)), shape.output.span());
    quote! {
        async fn run(
            #context: &#private::Context,
            #input: Self::Input,
        ) -> ::core::result::Result<Self::Output, #private::TaskError> {
            #private::blocking(#context, #input, |#context, #input| {
                #ignored
                let #returned = #name(#(#arguments),*);
                #outcome
            })
            .await
        }
    }
}
