//! What is seen of types.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::trace;

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is looked at")]
struct Email {
    to: String,
    #[serde(alias = "carbon_copy", alias = "a")]
    cc: Vec<String>,
    subject: Option<String>,
    #[serde(default)]
    urgent: bool,
    size: (u8, f32),
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is looked at")]
#[serde(rename_all = "snake_case")]
enum Channel {
    Post,
    Mail(Email),
    Sms { number: String, flash: Option<bool> },
    Pair(u8, i64),
    Sent(#[serde(default)] Option<Box<Self>>),
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is looked at")]
#[serde(deny_unknown_fields)]
struct Tree {
    name: Name,
    children: Vec<Self>,
    next: Option<Box<Self>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is looked at")]
struct Name(String);

/// Takes addresses only.
struct Address;

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.contains('@') {
            true => Ok(Self),
            false => Err(de::Error::custom("no address")),
        }
    }
}

/// Takes nothing that can be made up.
struct Signed;

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?;
        Err(de::Error::custom("not signed"))
    }
}

struct Panics;

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert!(text.len() > 100, "of more than 100 letters");
        Ok(Self)
    }
}

fn seen<T: de::DeserializeOwned>() -> String {
    trace::<T>().to_string()
}

#[test]
fn plain_values() {
    assert_eq!(seen::<()>(), "unit");
    assert_eq!(seen::<bool>(), "bool");
    assert_eq!(seen::<usize>(), "u64");
    assert_eq!(seen::<i128>(), "i128");
    assert_eq!(seen::<char>(), "char");
    assert_eq!(seen::<Box<str>>(), "text");
    assert_eq!(seen::<Vec<Option<f32>>>(), "[f32?]");
    assert_eq!(seen::<HashMap<String, BTreeSet<u8>>>(), "map(text, [u8])");
    assert_eq!(seen::<[u16; 3]>(), "[u16; 3]");
    assert_eq!(seen::<(u8, String)>(), "(u8, text)");
    assert_eq!(seen::<Name>(), "text");
    assert_eq!(seen::<serde_json::Value>(), "any");
    assert_eq!(seen::<std::marker::PhantomData<u8>>(), "()");
}

#[test]
fn fields_with_their_other_names_and_whether_they_may_be_absent() {
    assert_eq!(
        seen::<Email>(),
        "{\n  cc | a | carbon_copy: [text]\n  size: (u8, f32)\n  subject?: text?\n  to: text\n  \
         urgent?: bool\n}"
    );
}

#[test]
fn variants_with_what_they_hold() {
    let shape = seen::<Channel>();
    assert!(shape.starts_with("enum {\n  mail: {\n    cc"), "{shape}");
    assert!(
        shape.ends_with(
            "\n  pair: (u8, i64)\n  post\n  sent: again 1?\n  sms: {\n    flash?: bool?\n    \
             number: text\n  }\n}"
        ),
        "{shape}"
    );
}

#[test]
fn types_that_contain_themselves() {
    assert_eq!(
        seen::<Tree>(),
        "exact {\n  children: [again 1]\n  name: text\n  next?: again 1?\n}"
    );
}

#[test]
fn wrappers_that_contain_themselves() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Forest(Vec<Self>);

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Node(u32, Vec<Self>, Vec<Self>);

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Chain(String, Option<Box<Self>>);

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Names(HashMap<String, Self>);

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    #[serde(transparent)]
    struct Hidden {
        inner: Vec<Self>,
    }

    assert_eq!(seen::<Forest>(), "[opaque Forest]");
    assert_eq!(seen::<Node>(), "(u32, [opaque Node], [opaque Node])");
    assert_eq!(seen::<Chain>(), "(text, opaque Box?)");
    assert_eq!(seen::<Names>(), "map(text, opaque Names)");
    let hidden = seen::<Hidden>();
    assert!(
        hidden.starts_with("[[[[") && hidden.contains("opaque Hidden"),
        "{hidden}"
    );
}

#[test]
fn types_that_refuse_some_values() {
    assert_eq!(seen::<NonZeroU32>(), "u32 as NonZero");
    assert_eq!(seen::<Address>(), "text as Address");
    assert_eq!(seen::<Option<Signed>>(), "text as Signed?");
    assert!(seen::<Duration>().contains("secs: u64"));
}

#[test]
fn what_comes_after_a_value_that_cannot_be_made_up() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Letter {
        before: Option<u8>,
        seal: Signed,
        #[serde(default)]
        hidden: u8,
        text: String,
    }

    assert_eq!(
        seen::<Letter>(),
        "{\n  before?: u8?\n  hidden: u8\n  seal: text as Signed\n  text: text\n}"
    );
}

#[test]
fn what_cannot_be_seen_says_so() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u8),
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    #[serde(tag = "type")]
    enum Tagged {
        A { x: u8 },
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Flat {
        id: u8,
        #[serde(flatten)]
        name: HashMap<String, String>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct All {
        either: Either,
        tagged: Tagged,
        flat: Flat,
    }

    assert_eq!(
        seen::<All>(),
        "{\n  either: opaque Either\n  flat: opaque Flat\n  tagged: opaque Tagged\n}"
    );
    assert_eq!(seen::<Panics>(), "opaque Panics");
}

#[test]
fn a_variant_for_all_other_names() {
    #[derive(Deserialize)]
    enum Level {
        #[serde(rename = "very high")]
        High,
        #[serde(other)]
        Other,
    }
    let _ = (Level::High, Level::Other);

    assert_eq!(seen::<Level>(), "open enum {\n  Other\n  \"very high\"\n}");
}
