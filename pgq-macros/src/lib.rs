//! The attribute macros of `pgq`.

mod diagnostics;
mod function;
mod literal;
mod path;
mod suggest;
mod task;

use proc_macro::TokenStream;

/// Registers an async fn as a task.
#[proc_macro_attribute]
pub fn task(args: TokenStream, item: TokenStream) -> TokenStream {
    task::expand(args.into(), item.into()).into()
}

/// Registers an async fn as a schedule.
#[proc_macro_attribute]
pub fn cron(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}
