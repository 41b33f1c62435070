//! Edits of types that code of their own reads, and that cannot be seen into.

use super::Verdict::{Breaks, Safe, Unseen};
use super::edit;

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
struct Address(String);

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.contains('@') {
            true => Ok(Self(text)),
            false => Err("not an address"),
        }
    }
}

edit!(a_number_must_not_be_zero_any_more, {
    pub(super) struct T { a: u32 }
} => {
    pub(super) struct T { a: std::num::NonZeroU32 }
}, [{ "a": 0 }], Breaks("it.a", "the code of `NonZero` decides"));

edit!(a_number_may_be_zero_now, {
    pub(super) struct T { a: std::num::NonZeroU32 }
} => {
    pub(super) struct T { a: u64 }
}, [{ "a": 1 }], Safe);

edit!(text_is_checked_by_a_conversion, {
    pub(super) struct T { to: String }
} => {
    pub(super) struct T { to: super::Address }
}, [{ "to": "nobody" }], Breaks("it.to", "accept the edit, else leave it text"));

edit!(a_type_with_checks_is_widened, {
    pub(super) struct T { a: std::num::NonZeroU8 }
} => {
    pub(super) struct T { a: std::num::NonZeroU32 }
}, [{ "a": 1 }], Safe);

edit!(an_enum_becomes_untagged, {
    pub(super) enum T { A { x: u8 } }
} => {
    #[serde(untagged)]
    pub(super) enum T { A { x: u8 } }
}, [{ "A": { "x": 1 } }], Unseen("it", "what that reads cannot be seen"));

edit!(an_enum_gets_a_tag, {
    pub(super) enum T { A { x: u8 } }
} => {
    #[serde(tag = "type")]
    pub(super) enum T { A { x: u8 } }
}, [{ "A": { "x": 1 } }], Unseen("it", "was an enum, but is opaque T"));

edit!(a_field_is_flattened, {
    pub(super) struct T { id: u8, inner: Inner }
    struct Inner { a: u8 }
} => {
    pub(super) struct T { id: u8, #[serde(flatten)] inner: Inner }
    struct Inner { a: u8 }
}, [{ "id": 1, "inner": { "a": 1 } }], Unseen("it", "accept the edit"));

edit!(an_opaque_type_stays, {
    pub(super) struct T { of: Either }
    #[serde(untagged)]
    enum Either { Text(String), Number(u8) }
} => {
    pub(super) struct T { of: Either, more: Option<u8> }
    #[serde(untagged)]
    enum Either { Text(String), Number(u8) }
}, [{ "of": "a" }, { "of": 1 }], Safe);

edit!(anything_becomes_something, {
    pub(super) struct T { a: serde_json::Value }
} => {
    pub(super) struct T { a: u8 }
}, [{ "a": "x" }], Unseen("it.a", "was any, but is u8"));

edit!(a_type_with_checks_becomes_optional, {
    pub(super) struct T { to: super::Address, of: Either }
    #[serde(untagged)]
    enum Either { Text(String), Number(u8) }
} => {
    pub(super) struct T { to: Option<super::Address>, of: Option<Either> }
    #[serde(untagged)]
    enum Either { Text(String), Number(u8) }
}, [{ "to": "a@b", "of": 1 }], Safe);
