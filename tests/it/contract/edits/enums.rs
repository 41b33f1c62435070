//! Edits of the variants of an enum.

use super::Verdict::{Breaks, Safe};
use super::edit;

edit!(a_variant_is_added, {
    pub(super) enum T { A, B(u8) }
} => {
    pub(super) enum T { A, B(u8), C { x: String } }
}, ["A", { "B": 1 }], Safe);

edit!(variants_are_reordered, {
    pub(super) enum T { A, B(u8) }
} => {
    pub(super) enum T { B(u8), A }
}, ["A", { "B": 1 }], Safe);

edit!(a_variant_is_removed, {
    pub(super) enum T { A, B }
} => {
    pub(super) enum T { A }
}, ["B"], Breaks("it::B", "keep it, or add `#[serde(alias = \"…\")]`"));

edit!(a_variant_is_renamed, {
    pub(super) enum T { A, B }
} => {
    pub(super) enum T { A, Bee }
}, ["B"], Breaks("it::B", "`it::B` is gone"));

edit!(a_variant_is_renamed_with_an_alias, {
    pub(super) enum T { A, B }
} => {
    pub(super) enum T { A, #[serde(alias = "B")] Bee }
}, ["B"], Safe);

edit!(a_variant_gives_way_to_one_for_all_others, {
    pub(super) enum T { A, B }
} => {
    pub(super) enum T { A, #[serde(other)] Other }
}, ["B"], Safe);

edit!(a_variant_that_holds_something_gives_way_to_one_for_all_others, {
    pub(super) enum T { A, B(u8) }
} => {
    pub(super) enum T { A, #[serde(other)] Other }
}, [{ "B": 1 }], Breaks("it::B", "queued jobs may be of it"));

edit!(a_variant_gets_a_value, {
    pub(super) enum T { A, B }
} => {
    pub(super) enum T { A(u8), B }
}, ["A"], Breaks("it::A", "holds something, but does not in queued jobs"));

edit!(a_variant_loses_its_value, {
    pub(super) enum T { A(u8), B }
} => {
    pub(super) enum T { A, B }
}, [{ "A": 1 }], Breaks("it::A", "does not hold anything any more"));

edit!(the_value_of_a_variant_changes, {
    pub(super) enum T { A(u8), B }
} => {
    pub(super) enum T { A(String), B }
}, [{ "A": 1 }], Breaks("it::A", "was u8, but is text"));

edit!(a_variant_gets_an_optional_field, {
    pub(super) enum T { A { x: u8 } }
} => {
    pub(super) enum T { A { x: u8, y: Option<u8> } }
}, [{ "A": { "x": 1 } }], Safe);

edit!(a_variant_gets_a_required_field, {
    pub(super) enum T { A { x: u8 } }
} => {
    pub(super) enum T { A { x: u8, y: u8 } }
}, [{ "A": { "x": 1 } }], Breaks("it::A.y", "add `#[serde(default)]`"));

edit!(the_fields_of_a_variant_become_a_struct, {
    pub(super) enum T { A { x: u8 } }
} => {
    pub(super) enum T { A(Inner) }
    struct Inner { x: u8 }
}, [{ "A": { "x": 1 } }], Safe);

edit!(an_enum_of_names_becomes_text, {
    pub(super) enum T { A, B }
} => {
    pub(super) struct T(String);
}, ["A", "B"], Safe);

edit!(text_becomes_an_enum, {
    pub(super) struct T(String);
} => {
    pub(super) enum T { A, B }
}, ["C"], Breaks("it", "was text, but is an enum"));

edit!(a_bool_becomes_an_enum, {
    pub(super) struct T { urgent: bool }
} => {
    pub(super) struct T { urgent: Urgency }
    enum Urgency { No, Yes }
}, [{ "urgent": true }], Breaks("it.urgent", "was bool, but is an enum"));

edit!(a_recursive_enum_gets_a_variant, {
    pub(super) enum T { Not(Box<Self>), All(Vec<Self>), True }
} => {
    pub(super) enum T { Not(Box<Self>), All(Vec<Self>), True, False }
}, [{ "Not": { "All": ["True"] } }], Safe);
