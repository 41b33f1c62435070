//! The input of a job: parameters by name.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::codec::{
    DecodeError, EncodeError, JSON, MESSAGE_PACK, Stored, decode_value, encode_value, message_pack,
    read_first, read_json, read_so_far, write_named,
};
use crate::decode::{Ask, Fault, Given, Probe, Seed, Sink, Source};
use crate::shape::{Field, Shape, trace, trace_type};

/// MessagePack's markers of a map, by the size of its length.
const FIX_MAP: u8 = 0x80;
const MAP_16: u8 = 0xde;
const MAP_32: u8 = 0xdf;

/// The value of a task's input, as one value that can be stored.
///
/// Implemented for every type that serde can write and read, and by the macros for the parameters
/// of a task.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the input of a task",
    label = "not a task input",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Input: Sized + Send + 'static {
    /// Writes the input, format byte included.
    ///
    /// # Errors
    ///
    /// Fails if the value cannot be written, for instance because its `Serialize` fails.
    fn encode(&self) -> Result<Vec<u8>, EncodeError>;

    /// Reads what [`encode`](Self::encode) wrote, or JSON under its own format byte.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not the input of this task.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// What [`decode`](Self::decode) reads, as far as that can be seen.
    #[must_use]
    fn shape() -> Shape;
}

impl<T> Input for T
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        encode_value(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_value(bytes)
    }

    fn shape() -> Shape {
        trace::<Self>()
    }
}

/// Writes the parameters of one input. Used by generated code.
#[derive(Debug)]
pub struct InputWriter {
    bytes: Vec<u8>,
}

impl InputWriter {
    /// Starts an input of `parameters` parameters.
    #[must_use]
    pub fn new(parameters: u8) -> Self {
        let bytes = match parameters {
            0..=15 => vec![MESSAGE_PACK, FIX_MAP | parameters],
            _ => vec![MESSAGE_PACK, MAP_16, 0, parameters],
        };
        Self { bytes }
    }

    /// Writes the next parameter.
    ///
    /// # Errors
    ///
    /// Fails if the value cannot be written.
    pub fn parameter<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.stored(name, &value)
    }

    pub(crate) fn stored(&mut self, name: &str, value: &dyn Stored) -> Result<(), EncodeError> {
        write_named(&mut self.bytes, name)?;
        let written = write_named(&mut self.bytes, value);
        written.map_err(|error| EncodeError {
            message: format!("parameter `{name}`: {error}"),
        })
    }

    /// Returns the input, format byte included.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Parameters by name, each with its value as it is written.
type Parameters<'a> = Vec<(String, &'a [u8])>;

/// Reads the parameters of one input. Used by generated code.
///
/// Parameters that the task does not have are ignored, so that a removed one does no harm.
#[derive(Debug)]
pub struct InputReader<'a> {
    format: u8,
    parameters: Parameters<'a>,
}

impl<'a> InputReader<'a> {
    /// Splits the input into its parameters.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not a whole map by name.
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&format, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        let parameters = match format {
            MESSAGE_PACK => split_message_pack(body)?,
            JSON => split_json(body)?,
            other => return Err(DecodeError::Format(other)),
        };
        Ok(Self { format, parameters })
    }

    /// Returns `true` if there is a parameter `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value of a parameter as it is written: the last one, if there are several.
    pub(super) fn find(&self, name: &str) -> Option<&'a [u8]> {
        let mut parameters = self.parameters.iter().rev();
        parameters
            .find(|(own, _)| own == name)
            .map(|(_, value)| *value)
    }

    /// Plants the parameter `name`. One that is missing is planted as nil, so an `Option` may be
    /// absent.
    ///
    /// # Errors
    ///
    /// Fails if it is missing and not optional, or of another type.
    pub(crate) fn plant(&self, name: &str, pot: &mut dyn Seed<'a>) -> Result<(), DecodeError> {
        let planted = match self.find(name) {
            None if pot.plant(&mut Absent).is_ok() => Ok(()),
            None => return Err(DecodeError::Missing(name.to_owned())),
            Some(bytes) if self.format == JSON => read_json(bytes, pot),
            Some(bytes) => read_first(bytes, pot),
        };
        planted.map_err(|message| undecodable(name, message))
    }
}

fn undecodable(parameter: &str, message: String) -> DecodeError {
    DecodeError::Parameter {
        parameter: parameter.to_owned(),
        message,
    }
}

/// What a parameter holds that `probe` reads, and whether it may be absent.
pub(crate) fn parameter_shape(name: &str, type_name: &'static str, probe: Probe) -> Field {
    Field {
        name: name.to_owned(),
        aliases: Vec::new(),
        optional: probe(&mut Absent).is_ok(),
        shape: trace_type(type_name, probe),
    }
}

/// Has nothing but the absence of an `Option`.
struct Absent;

impl<'de> Source<'de> for Absent {
    fn give(&mut self, ask: Ask, _: &'static str, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        match ask {
            Ask::Option => sink.take(Given::None),
            _ => Err(Fault::of("missing")),
        }
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

fn split_message_pack(body: &[u8]) -> Result<Parameters<'_>, DecodeError> {
    let (count, pairs) = map_header(body).ok_or(DecodeError::NotAMap)?;
    let mut deserializer = message_pack(pairs);
    let mut parameters = Vec::new();
    for _ in 0..count {
        let name = String::deserialize(&mut deserializer)
            .map_err(|error| DecodeError::Value(error.to_string()))?;
        let start = read_so_far(&deserializer);
        if let Err(error) = IgnoredAny::deserialize(&mut deserializer) {
            return Err(undecodable(&name, error.to_string()));
        }
        let value = &pairs[start..read_so_far(&deserializer)];
        parameters.push((name, value));
    }
    match pairs.len() - read_so_far(&deserializer) {
        0 => Ok(parameters),
        more => Err(DecodeError::TrailingBytes(more)),
    }
}

/// Reads the header of a map: how many pairs follow, and the bytes after the header.
fn map_header(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (&marker, rest) = bytes.split_first()?;
    match marker {
        FIX_MAP..=0x8f => Some((u32::from(marker & 0x0f), rest)),
        MAP_16 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            Some((u32::from(u16::from_be_bytes(*length)), rest))
        }
        MAP_32 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            Some((u32::from_be_bytes(*length), rest))
        }
        _ => None,
    }
}

fn split_json(body: &[u8]) -> Result<Parameters<'_>, DecodeError> {
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    // The error about what is not an object would quote it, and it may be secret.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(DecodeError::NotAMap);
    }
    let map: BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).map_err(|error| DecodeError::Value(error.to_string()))?;
    Ok(map
        .into_iter()
        .map(|(name, value)| (name, value.get().as_bytes()))
        .collect())
}
