//! The name of a raw identifier is stored without `r#`.
#![deny(warnings)]

use pgq::Task;

#[pgq::task]
async fn r#type(r#match: String, r#fn: &u8) -> Result<u8, std::fmt::Error> {
    let _ = r#match;
    Ok(*r#fn)
}

fn main() {
    let _ = r#type(String::new(), &1);
    let _ = r#type::job(String::new());
    assert_eq!(r#type::NAME, "type");
}
