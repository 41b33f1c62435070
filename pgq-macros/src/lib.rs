//! The attribute macros of `pgq`.

use proc_macro::TokenStream;

/// Registers an async fn as a task.
#[proc_macro_attribute]
pub fn task(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Registers an async fn as a schedule.
#[proc_macro_attribute]
pub fn cron(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}
