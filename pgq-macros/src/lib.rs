//! The attribute macros of [`pgq`]. Use them through `pgq`, which re-exports them.
//!
//! [`pgq`]: https://docs.rs/pgq

mod cron;
mod diagnostics;
mod function;
mod literal;
mod path;
mod suggest;
mod task;
mod test;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/task.md")]
#[proc_macro_attribute]
pub fn task(args: TokenStream, item: TokenStream) -> TokenStream {
    task::expand(&args.into(), item.into()).into()
}

#[doc = include_str!("../docs/cron.md")]
#[proc_macro_attribute]
pub fn cron(args: TokenStream, item: TokenStream) -> TokenStream {
    cron::expand(&args.into(), item.into()).into()
}

#[doc = include_str!("../docs/test.md")]
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(args.into(), item.into()).into()
}

#[cfg(test)]
mod shown;
