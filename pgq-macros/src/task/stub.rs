//! Writes what stands in for a task whose fn is wrong, so that its callers compile.

use proc_macro2::TokenStream;

use super::handle;
use super::model::Options;
use crate::function::Function;

pub(crate) fn task(_: &Options, function: &Function) -> TokenStream {
    handle::item(function)
}
