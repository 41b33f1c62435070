//! Edits of the fields of a struct.

use super::Verdict::{Breaks, Safe};
use super::edit;

edit!(fields_are_reordered, {
    pub(super) struct T { a: String, b: String }
} => {
    pub(super) struct T { b: String, a: String }
}, [{ "a": "x", "b": "y" }], Safe);

edit!(a_struct_is_renamed, {
    pub(super) struct T { inner: Inner }
    struct Inner { a: u8 }
} => {
    pub(super) struct T { inner: Another }
    struct Another { a: u8 }
}, [{ "inner": { "a": 1 } }], Safe);

edit!(a_field_is_removed, {
    pub(super) struct T { a: u8, b: u8 }
} => {
    pub(super) struct T { a: u8 }
}, [{ "a": 1, "b": 2 }], Safe);

edit!(a_field_is_removed_from_a_type_that_denies_unknown_fields, {
    pub(super) struct T { a: u8, b: u8 }
} => {
    #[serde(deny_unknown_fields)]
    pub(super) struct T { a: u8 }
}, [{ "a": 1, "b": 2 }], Breaks("it.b", "keep it, or remove `#[serde(deny_unknown_fields)]`"));

edit!(unknown_fields_are_denied, {
    pub(super) struct T { a: u8 }
} => {
    #[serde(deny_unknown_fields)]
    pub(super) struct T { a: u8, #[serde(default)] b: u8 }
}, [{ "a": 1 }], Safe);

edit!(a_required_field_is_added, {
    pub(super) struct T { a: u8 }
} => {
    pub(super) struct T { a: u8, b: String }
}, [{ "a": 1 }], Breaks("it.b", "add `#[serde(default)]`, or make it an `Option`"));

edit!(an_option_is_added, {
    pub(super) struct T { a: u8 }
} => {
    pub(super) struct T { a: u8, b: Option<String> }
}, [{ "a": 1 }], Safe);

edit!(a_field_with_a_default_is_added, {
    pub(super) struct T { a: u8 }
} => {
    pub(super) struct T { a: u8, #[serde(default)] b: String }
}, [{ "a": 1 }], Safe);

edit!(a_field_is_added_to_a_struct_with_defaults, {
    #[derive(Default)]
    pub(super) struct T { a: u8 }
} => {
    #[derive(Default)]
    #[serde(default)]
    pub(super) struct T { a: u8, b: String }
}, [{ "a": 1 }], Safe);

edit!(a_skipped_field_is_added, {
    pub(super) struct T { a: u8 }
} => {
    pub(super) struct T { a: u8, #[serde(skip)] b: String }
}, [{ "a": 1 }], Safe);

edit!(a_required_field_is_added_deep_inside, {
    pub(super) struct T { list: Vec<Inner> }
    struct Inner { a: u8 }
} => {
    pub(super) struct T { list: Vec<Inner> }
    struct Inner { a: u8, b: u8 }
}, [{ "list": [{ "a": 1 }] }], Breaks("it.list[].b", "`it.list[].b` is required"));

edit!(a_field_is_renamed, {
    pub(super) struct T { to: String }
} => {
    pub(super) struct T { recipient: String }
}, [{ "to": "a" }], Breaks("it.recipient", "renamed from `to`, add `#[serde(alias = \"to\")]`"));

edit!(a_field_is_renamed_with_an_alias, {
    pub(super) struct T { to: String }
} => {
    pub(super) struct T { #[serde(alias = "to")] recipient: String }
}, [{ "to": "a" }], Safe);

edit!(a_field_is_renamed_with_its_stored_name, {
    pub(super) struct T { to: String }
} => {
    pub(super) struct T { #[serde(rename = "to")] recipient: String }
}, [{ "to": "a" }], Safe);

edit!(all_fields_are_renamed, {
    pub(super) struct T { first_name: String }
} => {
    #[serde(rename_all = "camelCase")]
    pub(super) struct T { first_name: String }
}, [{ "first_name": "a" }], Breaks("it.firstName", "renamed from `first_name`"));

edit!(a_default_is_removed, {
    pub(super) struct T { a: u8, #[serde(default, skip_serializing_if = "String::is_empty")] b: String }
} => {
    pub(super) struct T { a: u8, b: String }
}, [{ "a": 1 }], Breaks("it.b", "may be absent from queued jobs"));

edit!(an_option_loses_its_option, {
    pub(super) struct T { a: Option<u8> }
} => {
    pub(super) struct T { #[serde(default)] a: u8 }
}, [{ "a": null }], Breaks("it.a", "leave it an `Option`"));

edit!(a_field_becomes_optional, {
    pub(super) struct T { a: u8 }
} => {
    pub(super) struct T { a: Option<u8> }
}, [{ "a": 1 }], Safe);

edit!(a_field_moves_into_a_struct, {
    pub(super) struct T { name: String, street: String }
} => {
    pub(super) struct T { name: String, #[serde(default)] address: Option<Address> }
    struct Address { street: String }
}, [{ "name": "a", "street": "b" }], Safe);

edit!(a_field_is_boxed, {
    pub(super) struct T { inner: Inner }
    struct Inner { a: u8 }
} => {
    pub(super) struct T { inner: Box<Inner> }
    struct Inner { a: u8 }
}, [{ "inner": { "a": 1 } }], Safe);

edit!(a_value_becomes_a_newtype, {
    pub(super) struct T { to: String }
} => {
    pub(super) struct T { to: Address }
    struct Address(String);
}, [{ "to": "a" }], Safe);

edit!(a_type_that_contains_itself_gets_an_option, {
    pub(super) struct T { children: Vec<Self>, name: String }
} => {
    pub(super) struct T { children: Vec<Self>, name: String, size: Option<u8> }
}, [{ "children": [{ "children": [], "name": "b" }], "name": "a" }], Safe);

edit!(a_type_that_contains_itself_gets_a_required_field, {
    pub(super) struct T { children: Vec<Self>, name: String }
} => {
    pub(super) struct T { children: Vec<Self>, name: String, size: u8 }
}, [{ "children": [], "name": "a" }], Breaks("it.size", "add `#[serde(default)]`"));

edit!(a_type_that_contains_itself_is_changed_below, {
    pub(super) struct T { next: Option<Box<Self>>, size: u8 }
} => {
    pub(super) struct T { next: Option<Box<Inner>>, size: u8 }
    struct Inner { next: Option<Box<Self>>, size: String }
}, [{ "next": { "next": null, "size": 1 }, "size": 2 }], Breaks("it.next.size", "was u8, but is text"));

edit!(a_struct_becomes_a_map, {
    pub(super) struct T { limits: Limits }
    struct Limits { cpu: u8, memory: u16 }
} => {
    pub(super) struct T { limits: BTreeMap<String, u32> }
}, [{ "limits": { "cpu": 1, "memory": 500 } }], Safe);

edit!(a_map_becomes_a_struct, {
    pub(super) struct T { limits: BTreeMap<String, u32> }
} => {
    pub(super) struct T { limits: Limits }
    struct Limits { cpu: u32 }
}, [{ "limits": {} }], Breaks("it.limits", "was map(text, u32), but is a struct"));

edit!(two_fields_become_one, {
    pub(super) struct T { to: String, recipient: String }
} => {
    pub(super) struct T { #[serde(alias = "to")] recipient: String }
}, [{ "to": "a", "recipient": "b" }], Breaks("it.recipient", "remove the alias"));
