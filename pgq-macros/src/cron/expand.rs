//! Writes the code of a valid schedule.

use proc_macro2::{Span, TokenStream};
use quote::quote;

use super::dates::Dates;
use super::input::Value;
use super::policy::Policy;
use super::timing::Timing;
use crate::function::local;
use crate::task::{self, Options, Shape};

pub(super) struct Schedule<'a> {
    pub(super) timing: Timing,
    pub(super) dates: Dates,
    pub(super) policy: Policy,
    pub(super) values: Vec<Value<'a>>,
}

impl Schedule<'_> {
    /// The code of the task, and of the schedule beside it.
    pub(super) fn code(&self, options: &Options, shape: &Shape<'_>) -> TokenStream {
        let private = options.private(Span::call_site());
        let name = &shape.function.sig.ident;
        let timing = self.timing.code(&private);
        let input = self.input(&private);
        let source = task::source(&private, name);
        let dates = self.dates.code();
        let policy = self.policy.code(&private);
        let submission = quote! {
            #private::inventory::submit! {
                #private::Registration::Schedule(
                    #private::ScheduleDescriptor::of::<#name>(#timing, #input, #source) #dates #policy
                )
            }
        };
        let doc = self.timing.doc(&self.dates);
        let task = task::code(options, shape, Some(&submission));
        quote!(#[doc = #doc] #task)
    }

    /// Makes the input. Parameters without a value are not in it, so that they read as their
    /// defaults.
    fn input(&self, private: &TokenStream) -> TokenStream {
        let values: Vec<_> = (0..self.values.len())
            .map(|i| local(&format!("value_{i}")))
            .collect();
        let (types, exprs) = (
            self.values.iter().map(|given| given.ty),
            self.values.iter().map(|given| given.value),
        );
        let constants = self.values.iter().map(|given| &given.constant);
        quote! {
            || -> ::core::result::Result<
                #private::Vec<::core::primitive::u8>,
                #private::EncodeError,
            > {
                #(let #values: #types = #exprs;)*
                #private::encode(&[#(#constants.value(&#values)),*])
            }
        }
    }
}
