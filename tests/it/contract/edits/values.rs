//! Edits of what a field holds.

use super::Verdict::{Breaks, Safe};
use super::edit;

edit!(an_integer_is_widened, {
    pub(super) struct T { a: u8, b: u32, c: i16 }
} => {
    pub(super) struct T { a: u64, b: i64, c: i32 }
}, [{ "a": 255, "b": 4_294_967_295_u32, "c": -3 }], Safe);

edit!(an_integer_is_narrowed, {
    pub(super) struct T { a: u32 }
} => {
    pub(super) struct T { a: u16 }
}, [{ "a": 70_000 }], Breaks("it.a", "leave it u32, and convert it where it is used"));

edit!(an_integer_loses_its_sign, {
    pub(super) struct T { a: i32 }
} => {
    pub(super) struct T { a: u32 }
}, [{ "a": -1 }], Breaks("it.a", "was i32, but is u32"));

edit!(an_integer_gets_a_sign_and_no_room, {
    pub(super) struct T { a: u32 }
} => {
    pub(super) struct T { a: i32 }
}, [{ "a": 4_000_000_000_u32 }], Breaks("it.a", "some numbers of queued jobs may not fit"));

edit!(an_integer_gets_128_bits, {
    pub(super) struct T { a: u64, b: i8 }
} => {
    pub(super) struct T { a: u128, b: i128 }
}, [{ "a": 18_446_744_073_709_551_615_u64, "b": -3 }], Safe);

edit!(an_integer_loses_128_bits, {
    pub(super) struct T { a: u128 }
} => {
    pub(super) struct T { a: u64 }
}, [{ "a": 1 }], Breaks("it.a", "was u128, but is u64"));

edit!(a_small_integer_becomes_a_float, {
    pub(super) struct T { a: i32, b: u16 }
} => {
    pub(super) struct T { a: f64, b: f32 }
}, [{ "a": -2_147_483_648_i32, "b": 65_535 }], Safe);

edit!(a_large_integer_becomes_a_float, {
    pub(super) struct T { a: u64 }
} => {
    pub(super) struct T { a: f64 }
}, [{ "a": 9_007_199_254_740_993_u64 }], Breaks("it.a", "may lose digits"));

edit!(a_float_is_widened, {
    pub(super) struct T { a: f32 }
} => {
    pub(super) struct T { a: f64 }
}, [{ "a": 1.5 }], Safe);

edit!(a_float_is_narrowed, {
    pub(super) struct T { a: f64 }
} => {
    pub(super) struct T { a: f32 }
}, [{ "a": 0.1 }], Breaks("it.a", "was f64, but is f32"));

edit!(a_float_becomes_an_integer, {
    pub(super) struct T { a: f64 }
} => {
    pub(super) struct T { a: i64 }
}, [{ "a": 1.0 }], Breaks("it.a", "was f64, but is i64"));

edit!(a_number_becomes_text, {
    pub(super) struct T { a: u64 }
} => {
    pub(super) struct T { a: String }
}, [{ "a": 1 }], Breaks("it.a", "add the new one as another field"));

edit!(text_becomes_a_number, {
    pub(super) struct T { a: String }
} => {
    pub(super) struct T { a: u64 }
}, [{ "a": "1" }], Breaks("it.a", "was text, but is u64"));

edit!(a_number_becomes_a_bool, {
    pub(super) struct T { a: u8 }
} => {
    pub(super) struct T { a: bool }
}, [{ "a": 1 }], Breaks("it.a", "was u8, but is bool"));

edit!(a_char_becomes_text, {
    pub(super) struct T { a: char }
} => {
    pub(super) struct T { a: String }
}, [{ "a": "x" }], Safe);

edit!(text_becomes_a_char, {
    pub(super) struct T { a: String }
} => {
    pub(super) struct T { a: char }
}, [{ "a": "xy" }], Breaks("it.a", "was text, but is char"));

edit!(text_becomes_a_list, {
    pub(super) struct T { to: String }
} => {
    pub(super) struct T { to: Vec<String> }
}, [{ "to": "a" }], Breaks("it.to", "was text, but is [text]"));

edit!(a_list_becomes_a_set, {
    pub(super) struct T { to: Vec<String> }
} => {
    pub(super) struct T { to: std::collections::BTreeSet<String> }
}, [{ "to": ["b", "a"] }], Safe);

edit!(the_elements_of_a_list_change, {
    pub(super) struct T { to: Vec<u32> }
} => {
    pub(super) struct T { to: Vec<u8> }
}, [{ "to": [300] }], Breaks("it.to[]", "was u32, but is u8"));

edit!(the_values_of_a_map_change, {
    pub(super) struct T { of: HashMap<String, u8> }
} => {
    pub(super) struct T { of: HashMap<String, bool> }
}, [{ "of": { "a": 1 } }], Breaks("it.of[value]", "was u8, but is bool"));

edit!(a_hash_map_becomes_a_tree, {
    pub(super) struct T { of: HashMap<String, u8> }
} => {
    pub(super) struct T { of: BTreeMap<String, u8> }
}, [{ "of": { "a": 1 } }], Safe);

edit!(a_tuple_becomes_longer, {
    pub(super) struct T { at: (u8, u8) }
} => {
    pub(super) struct T { at: (u8, u8, u8) }
}, [{ "at": [1, 2] }], Breaks("it.at", "had 2 elements, but has 3"));

edit!(a_tuple_becomes_a_list, {
    pub(super) struct T { at: (u8, u16) }
} => {
    pub(super) struct T { at: Vec<u32> }
}, [{ "at": [1, 2] }], Safe);

edit!(a_list_becomes_an_array, {
    pub(super) struct T { at: Vec<u8> }
} => {
    pub(super) struct T { at: [u8; 2] }
}, [{ "at": [1] }], Breaks("it.at", "was [u8], but is a sequence of 2"));

edit!(an_element_of_a_tuple_changes, {
    pub(super) struct T { at: (u8, u64) }
} => {
    pub(super) struct T { at: (u8, String) }
}, [{ "at": [1, 2] }], Breaks("it.at[1]", "was u64, but is text"));

edit!(a_list_becomes_optional, {
    pub(super) struct T { to: Vec<u8> }
} => {
    pub(super) struct T { to: Option<Vec<u8>> }
}, [{ "to": [1] }], Safe);

edit!(a_unit_becomes_an_option, {
    pub(super) struct T { a: () }
} => {
    pub(super) struct T { a: Option<u8> }
}, [{ "a": null }], Safe);

edit!(a_number_becomes_anything, {
    pub(super) struct T { a: u8 }
} => {
    pub(super) struct T { a: serde_json::Value }
}, [{ "a": 1 }], Safe);

edit!(a_struct_with_many_kinds_of_values_becomes_anything, {
    pub(super) struct T { a: Inner }
    struct Inner { list: Vec<Option<i64>>, map: HashMap<String, (f64, bool)>, kind: BTreeMap<Kind, u8> }
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Kind { A, B }
} => {
    pub(super) struct T { a: serde_json::Value }
}, [{ "a": { "list": [1, null], "map": { "x": [1.5, true] }, "kind": { "A": 1 } } }], Safe);

edit!(a_map_with_keys_that_are_numbers_becomes_anything, {
    pub(super) struct T { a: HashMap<u32, u8> }
} => {
    pub(super) struct T { a: serde_json::Value }
}, [{ "a": { "7": 1 } }], Breaks("it.a", "but is any"));

edit!(a_number_of_128_bits_becomes_anything, {
    pub(super) struct T { a: u128 }
} => {
    pub(super) struct T { a: serde_json::Value }
}, [{ "a": 7 }], Breaks("it.a", "but is any"));
