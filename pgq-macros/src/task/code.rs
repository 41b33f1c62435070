//! Writes the options of a task as an expression of the library's type.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;

use super::model::Options;

/// What is not given is left out.
pub(super) fn options(private: &TokenStream, options: &Options) -> TokenStream {
    let mut chain = Chain(quote!(#private::TaskOptions::new()));
    chain.set("queue", options.queue.as_ref());
    chain.set("priority", options.priority);
    chain.set("max_attempts", options.max_attempts);
    chain.set("timeout", options.timeout.map(duration));
    let backoff = options.backoff.as_ref();
    chain.set("backoff", backoff.map(|backoff| backoff.code(private)));
    chain.set("delay", options.delay.map(duration));
    let retain = options.retain.as_ref();
    chain.set("retain", retain.map(|retain| retain.code(private)));
    let bytes = options.input_max;
    chain.set(
        "input_max",
        bytes.map(|bytes| quote!(#bytes as ::core::primitive::usize)),
    );
    let durability = options.durability;
    chain.set(
        "durability",
        durability.map(|durability| durability.code(private)),
    );
    chain.set("expires", options.expires.map(duration));
    let unique = options.unique.as_ref();
    chain.set("unique", unique.map(|unique| unique.code(private)));
    let limit = options.concurrency.as_ref();
    chain.set("concurrency", limit.map(|limit| limit.code(private)));
    chain.set("ordered_by", list(&options.ordered_by));
    let rate = options.rate.as_ref();
    chain.set("rate", rate.map(|rate| rate.code(private)));
    let batch = options.batch.as_ref();
    chain.set("batch", batch.map(|batch| batch.code(private)));
    chain.set("tags", list(&options.tags));
    chain.0
}

/// A chain of calls of builders.
struct Chain(TokenStream);

impl Chain {
    fn set(&mut self, method: &str, value: Option<impl quote::ToTokens>) {
        if let Some(value) = value {
            let method = quote::format_ident!("{method}");
            self.0.extend(quote!(.#method(#value)));
        }
    }
}

fn list(names: &[String]) -> Option<TokenStream> {
    (!names.is_empty()).then(|| quote!(&[#(#names),*]))
}

pub(super) fn optional_duration(time: Option<Duration>) -> TokenStream {
    let Some(time) = time.map(duration) else {
        return quote!(::core::option::Option::None);
    };
    quote!(::core::option::Option::Some(#time))
}

pub(crate) fn duration(duration: Duration) -> TokenStream {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#millis))
}
