//! What is read, and what is said of what cannot be, is what the formats themselves say.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::{Format, Pot, Seed, read};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plain {
    id: u64,
    name: String,
    #[serde(default)]
    note: Option<String>,
    list: Vec<i8>,
    pair: (bool, f32),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    at: Duration,
    from: IpAddr,
    sign: char,
    wide: (i128, u128),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper(Option<u16>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i64, Box<Choice>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Nothing,
    One(Wrapper),
    Two(u8, String),
    Named { unit: Unit, flag: bool },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    A { value: i32 },
    B(BTreeMap<String, f64>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    A(u8, u8),
    B,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Text(String),
    Both { a: i8, b: Option<bool> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat<K: Ord> {
    own: u8,
    #[serde(flatten)]
    rest: BTreeMap<K, u32>,
}

/// Has its say in a format that has bytes.
#[derive(Debug, PartialEq)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Raw;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(bytes.to_vec()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut of: A) -> Result<Raw, A::Error> {
                let mut bytes = Vec::with_capacity(of.size_hint().unwrap_or_default());
                while let Some(byte) = of.next_element()? {
                    bytes.push(byte);
                }
                Ok(Raw(bytes))
            }
        }

        deserializer.deserialize_byte_buf(Visitor)
    }
}

/// Asks for anything, and takes text.
#[derive(Debug, PartialEq)]
struct Picky;

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Picky;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E>(self, _: &str) -> Result<Picky, E> {
                Ok(Picky)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

fn erased<T: DeserializeOwned>(bytes: &[u8], is_json: bool) -> Result<T, String> {
    let mut pot = Pot::new(read::<T>);
    let planted = if is_json {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        pot.plant(&mut Format::new(&mut json))
    } else {
        let mut packed = rmp_serde::Deserializer::from_read_ref(bytes);
        pot.plant(&mut Format::new(&mut packed))
    };
    match planted {
        Ok(()) => Ok(pot.value.unwrap()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn native<T: DeserializeOwned>(bytes: &[u8], is_json: bool) -> Result<T, String> {
    match is_json {
        true => T::deserialize(&mut serde_json::Deserializer::from_slice(bytes))
            .map_err(|error| error.to_string()),
        false => T::deserialize(&mut rmp_serde::Deserializer::from_read_ref(bytes))
            .map_err(|error| error.to_string()),
    }
}

/// Compares what is read of these bytes, of each part of them, and of them with one byte changed.
fn agree_on<T: DeserializeOwned + Debug>(bytes: &[u8], is_json: bool) {
    let same = |bytes: &[u8]| {
        let (erased, native) = (erased::<T>(bytes, is_json), native::<T>(bytes, is_json));
        assert_eq!(format!("{erased:?}"), format!("{native:?}"), "{bytes:?}");
    };
    same(bytes);
    for end in 0..bytes.len() {
        same(&bytes[..end]);
    }
    for at in 0..bytes.len() {
        for byte in [
            0, 0x2f, 0x7b, 0x80, 0xa1, 0xc0, 0xc3, 0xca, 0xd1, 0xd4, b'"', b'n', b'-',
        ] {
            let mut changed = bytes.to_vec();
            changed[at] = byte;
            same(&changed);
        }
    }
}

fn agree<T: Serialize + DeserializeOwned + Debug + PartialEq>(value: &T) {
    let packed = rmp_serde::to_vec_named(value).unwrap();
    assert_eq!(erased::<T>(&packed, false).as_ref(), Ok(value));
    agree_on::<T>(&packed, false);
    agree_on::<T>(&rmp_serde::to_vec(value).unwrap(), false);
    if let Ok(json) = serde_json::to_vec(value) {
        agree_on::<T>(&json, true);
    }
}

fn plain() -> Plain {
    Plain {
        id: 7,
        name: "a \u{e9}\n".to_owned(),
        note: Some(String::new()),
        list: vec![1, -2],
        pair: (true, 1.5),
    }
}

#[test]
fn structs_are_read_as_the_formats_read_them() {
    agree(&plain());
    agree(&Strict {
        at: Duration::from_millis(1500),
        from: [127, 0, 0, 1].into(),
        sign: '\u{e9}',
        wide: (-1, u128::MAX >> 1),
    });
    agree(&Unit);
    agree(&Wrapper(None));
    agree(&Pair(-1, Box::new(Choice::Nothing)));
    agree(&Some(Some(Raw(vec![1, 2, 3]))));
}

#[test]
fn enums_are_read_as_the_formats_read_them() {
    agree(&Choice::Nothing);
    agree(&Choice::One(Wrapper(Some(3))));
    agree(&Choice::Two(4, "b".to_owned()));
    let (unit, flag) = (Unit, true);
    agree(&Choice::Named { unit, flag });
    agree(&Tagged::A { value: -70_000 });
    agree(&Tagged::B([("x".to_owned(), 0.25)].into()));
    agree(&[Adjacent::A(1, 2), Adjacent::B]);
    agree(&Untagged::Number(9));
    agree(&Untagged::Text("c".to_owned()));
    agree(&Untagged::Both { a: -1, b: None });
}

#[test]
fn maps_are_read_as_the_formats_read_them() {
    agree(&HashMap::from([(-300_i32, Some(Unit))]));
    agree(&BTreeMap::from([(true, 'x')]));
    agree(&Flat {
        own: 1,
        rest: [("more".to_owned(), 2)].into(),
    });
    agree(&vec![BTreeMap::from([(
        u64::MAX,
        json!({"a": [1.5, null, "b"]}),
    )])]);
}

#[test]
fn the_fields_of_a_struct_may_be_keys_that_are_no_text() {
    let packed = [0x82, 0xa3, b'o', b'w', b'n', 1, 0xfe, 2];
    agree_on::<Flat<i8>>(&packed, false);
    assert_eq!(
        erased::<Flat<i8>>(&packed, false).unwrap().rest,
        [(-2, 2)].into()
    );
    agree_on::<Flat<bool>>(&[0x82, 0xa3, b'o', b'w', b'n', 1, 0xc3, 2], false);
}

#[test]
fn wrong_json_is_refused_in_the_words_of_the_format() {
    for json in [
        r#"{"id": 1.5, "name": "a", "list": [], "pair": [true, 1]}"#,
        r#"{"id": null}"#,
        "{\n \"id\": 1,\n \"id\": 2}",
        r#"{"id": 1, "name": 2}"#,
        r#"{"id": 1, "name": "a", "list": [1, 300]}"#,
        r#"{"id": 1, "name": "a", "list": [1}"#,
        r#"{"id": 1, "name": "a", "list": [], "pair": [true]}"#,
        r#"[1, "a", null, [], [false, 2]]"#,
        "\"text\"",
        " null",
        "1e300",
        "",
    ] {
        agree_on::<Plain>(json.as_bytes(), true);
        agree_on::<Strict>(json.as_bytes(), true);
        agree_on::<Vec<Choice>>(json.as_bytes(), true);
        agree_on::<Picky>(json.as_bytes(), true);
        agree_on::<Untagged>(json.as_bytes(), true);
        agree_on::<Box<RawValue>>(json.as_bytes(), true);
        agree_on::<IgnoredAny>(json.as_bytes(), true);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested {
    inner: Option<Box<Self>>,
    list: Vec<Choice>,
}

/// What is passed through here takes room on the stack.
#[test]
fn what_is_as_deep_as_can_be_is_read_on_a_small_stack() {
    let mut nested = Nested {
        inner: None,
        list: Vec::new(),
    };
    for _ in 0..120 {
        nested = Nested {
            inner: Some(Box::new(nested)),
            list: vec![Choice::Nothing],
        };
    }
    let read = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            let packed = rmp_serde::to_vec_named(&nested).unwrap();
            let json = serde_json::to_vec(&nested).unwrap();
            (
                erased::<Nested>(&packed, false).as_ref() == Ok(&nested),
                erased::<Nested>(&json, true).as_ref() == Ok(&nested),
            )
        });
    assert_eq!(read.unwrap().join().unwrap(), (true, true));
}
