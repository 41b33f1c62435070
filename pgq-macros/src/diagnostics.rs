//! Collects every error of one attribute, so that the user sees all of them at once.

use proc_macro2::TokenStream;

#[derive(Default)]
pub(crate) struct Diagnostics {
    error: Option<syn::Error>,
}

impl Diagnostics {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.error {
            Some(first) => first.combine(error),
            None => self.error = Some(error),
        }
    }

    /// Records the error of `result`, if any, and keeps going.
    pub(crate) fn ok<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// The errors as code; nothing if there is none.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.error
            .map_or_else(TokenStream::new, syn::Error::into_compile_error)
    }
}
