//! Every kind of edit of a type: what pgq says of it, and whether that is true. Each case encodes
//! values with the old type and decodes them with the new one.

mod enums;
mod fields;
mod unseen;
mod values;

use pgq::Input;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be said of an edit.
pub(super) enum Verdict {
    /// Everything that was stored can be read, and means the same.
    Safe,
    /// Some of it cannot, or not as it was meant. The path, and a part of the advice.
    Breaks(&'static str, &'static str),
    /// It cannot be known. The path, and a part of the advice.
    Unseen(&'static str, &'static str),
}

/// The parameters of a task: one.
#[derive(Serialize, Deserialize)]
struct Parameters<T> {
    it: T,
}

/// A test that edits the type `T`. The samples are what the old one holds.
macro_rules! edit {
    (
        $name:ident, {$($old:item)+} => {$($new:item)+},
        [$($sample:tt)*], $verdict:expr $(,)?
    ) => {
        #[test]
        fn $name() -> anyhow::Result<()> {
            #[allow(dead_code, unused_imports, reason = "only what is stored is looked at")]
            mod old {
                use std::collections::{BTreeMap, HashMap};
                $(#[derive(serde::Serialize, serde::Deserialize)] $old)+
            }
            #[allow(dead_code, unused_imports, reason = "only what is stored is looked at")]
            mod new {
                use std::collections::{BTreeMap, HashMap};
                $(#[derive(serde::Serialize, serde::Deserialize)] $new)+
            }
            $crate::contract::edits::judge::<old::T, new::T>(
                &serde_json::json!([$($sample)*]),
                &$verdict,
            )
        }
    };
}
pub(super) use edit;

fn judge<Old, New>(samples: &Value, verdict: &Verdict) -> anyhow::Result<()>
where
    Old: Serialize + DeserializeOwned + Send + 'static,
    New: Serialize + DeserializeOwned + Send + 'static,
{
    let old = Parameters::<Old>::shape();
    let new = Parameters::<New>::shape();
    assert!(old.edits_since(&old).is_empty(), "{old} since itself");

    let edits = new.edits_since(&old);
    let said: Vec<String> = edits.iter().map(ToString::to_string).collect();
    let faithful = is_read_faithfully::<Old, New>(samples)?;

    let seen = format!("{said:#?}\nold: {old}\nnew: {new}");
    match *verdict {
        Verdict::Safe => {
            assert!(said.is_empty(), "{seen}");
            assert!(faithful, "said to be safe: {seen}");
        }
        Verdict::Breaks(path, advice) | Verdict::Unseen(path, advice) => {
            let [edit] = &edits[..] else {
                panic!("not one edit: {seen}");
            };
            assert_eq!(edit.path, path, "{seen}");
            assert!(said[0].contains(advice), "{seen}");
            let breaks = matches!(verdict, Verdict::Breaks(..));
            assert!(!(breaks && faithful), "said to break: {seen}");
        }
    }
    Ok(())
}

/// Whether every sample of the old type is read by the new one, with the numbers that it had.
fn is_read_faithfully<Old, New>(samples: &Value) -> anyhow::Result<bool>
where
    Old: Serialize + DeserializeOwned + Send + 'static,
    New: Serialize + DeserializeOwned + Send + 'static,
{
    let samples: Vec<Old> = serde_json::from_value(samples.clone())?;
    assert!(!samples.is_empty(), "a sample is needed");
    for it in samples {
        let before = numbers(&serde_json::to_value(&it)?);
        let bytes = Parameters { it }.encode()?;
        let Ok(read) = Parameters::<New>::decode(&bytes) else {
            return Ok(false);
        };
        let after = numbers(&serde_json::to_value(read.it)?);
        if !before.iter().all(|number| after.contains(number)) && before.len() == after.len() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The numbers of a value, as they are printed without a fraction of zero.
fn numbers(value: &Value) -> Vec<String> {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            vec![text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)]
        }
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(fields) => fields.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}
