//! Holds `ARCHITECTURE.md` to what it shows of generated code.

use std::path::Path;
use std::{env, fs};

use quote::quote;

/// What stands before and after the code in the document.
const BEGIN: &str = "<!-- The code of a task, as a test writes it. -->\n\n```rust\n";
const END: &str = "```\n";

/// The code of the task that the document shows, formatted.
fn generated() -> String {
    let item = quote! {
        pub async fn send_email(mailer: &Mailer, email: Email) -> Result<u64, MailError> {
            mailer.send(email).await
        }
    };
    let tokens = crate::task::expand(&quote!(queue = "mail", timeout = "30s"), item);
    let file: syn::File = syn::parse2(tokens).unwrap();
    prettyplease::unparse(&file)
}

/// `PGQ_SHOW=overwrite` writes the code into the document instead.
#[test]
fn the_architecture_shows_the_code_of_a_task() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let generated = generated();
    if env::var_os("PGQ_SHOW").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{generated}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, generated, "run the test with PGQ_SHOW=overwrite");
}
