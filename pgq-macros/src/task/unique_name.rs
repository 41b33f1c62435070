//! Lets the build fail if two tasks have one name: each defines a symbol of that name.
//!
//! The compiler sees two in one crate, and the linker two in a binary. `cargo check` sees neither,
//! so that the start of a worker looks again.

use std::fmt::Write;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

/// The definition of the symbol. The compiler reports the second one at `span`.
pub(crate) fn definition(name: &str, span: Span) -> TokenStream {
    // Code of another crate's macro is not what `forbid(unsafe_code)` is about, and by its context
    // this is such code, wherever it is reported.
    let span = Span::call_site().located_at(span);
    let symbol = symbol(name);
    // The crate under test may be linked beside itself, by way of another crate.
    let tested = format!("test_{symbol}");
    let attributes = quote_spanned! {span=>
        #[cfg_attr(not(test), unsafe(export_name = #symbol))]
        #[cfg_attr(test, unsafe(export_name = #tested))]
    };
    let item = quote_spanned!(span=> static __PGQ_NAME: ::core::primitive::u8 = 0;);
    quote! {
        #[used]
        #attributes
        #item
    }
}

/// What every object format and every linker script takes for a name. Different names of tasks have
/// different symbols.
fn symbol(name: &str) -> String {
    let mut symbol = "pgq_task_named_".to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => symbol.push(char::from(byte)),
            other => {
                // Writing to a string does not fail.
                let _ = write!(symbol, "${other:02x}");
            }
        }
    }
    symbol
}

#[cfg(test)]
mod tests {
    use super::symbol;

    #[test]
    fn a_symbol_tells_names_apart() {
        for (name, expected) in [
            ("send_email", "pgq_task_named_send_email"),
            ("mail/send.v2", "pgq_task_named_mail$2fsend$2ev2"),
            ("mail:send-v2", "pgq_task_named_mail$3asend$2dv2"),
            ("größe", "pgq_task_named_gr$c3$b6$c3$9fe"),
        ] {
            assert_eq!(symbol(name), expected);
        }
    }
}
