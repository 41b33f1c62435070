//! How values are written: one format byte, then MessagePack or JSON.
//!
//! MessagePack is always written as a *map* by field name. The array form of `rmp-serde` would
//! decode two swapped fields of one type without an error.

use std::io::Cursor;

use rmp_serde::decode::ReadReader;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::decode::{self, Format, Pot, Seed};

/// Format byte of MessagePack: what pgq writes.
pub(super) const MESSAGE_PACK: u8 = 1;
/// Format byte of JSON: what other languages may write.
pub(super) const JSON: u8 = 2;

/// How deep values may be nested: as deep as in `serde_json`. The 1024 that `rmp-serde` allows
/// overflow the stack of a thread in a debug build.
const DEPTH_MAX: usize = 128;

/// A value could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EncodeError {
    pub(super) message: String,
}

/// Stored bytes are not a value of the expected type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Nothing is stored: the result of the job has been pruned, or its task has none.
    #[error("no value is stored; it has been pruned, or there never was one")]
    Absent,
    /// There is not a single byte.
    #[error("the stored value is empty")]
    Empty,
    /// The first byte names no known format.
    #[error("the stored value has the unknown format byte {0}; 1 is MessagePack, 2 is JSON")]
    Format(u8),
    /// The input is not a map of parameters.
    #[error("the input is not a map of parameters")]
    NotAMap,
    /// A parameter is missing.
    #[error("the input has no parameter `{0}`")]
    Missing(String),
    /// A parameter has another type, or the value is cut off.
    #[error("parameter `{parameter}` of the input does not decode: {message}")]
    Parameter {
        /// The name of the parameter.
        parameter: String,
        /// What the decoder says.
        message: String,
    },
    /// The value has another type, or is cut off.
    #[error("the stored value does not decode: {0}")]
    Value(String),
    /// There is more after the value.
    #[error("{0} bytes follow the stored value")]
    TrailingBytes(usize),
}

/// What is said of a secret parameter in the place of a message that may quote its value.
const SECRET: &str = "it is secret, so the reason is not told";

impl EncodeError {
    /// The error of a secret parameter.
    pub(crate) fn of_secret(parameter: &str) -> Self {
        Self {
            message: format!("parameter `{parameter}`: {SECRET}"),
        }
    }
}

impl DecodeError {
    /// The error without what may quote the value of a secret parameter.
    pub(crate) fn of_secret(self) -> Self {
        match self {
            Self::Parameter { parameter, .. } => Self::Parameter {
                parameter,
                message: SECRET.to_owned(),
            },
            other => other,
        }
    }
}

/// Writes a value as JSON, as other languages do.
pub(crate) fn encode_json<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![JSON];
    serde_json::to_writer(&mut bytes, value).map_err(|error| EncodeError {
        message: error.to_string(),
    })?;
    Ok(bytes)
}

/// Whether a value is written as JSON.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    bytes.first() == Some(&JSON)
}

pub(crate) fn encode_value<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![MESSAGE_PACK];
    write_named(&mut bytes, value)?;
    Ok(bytes)
}

pub(crate) fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut pot = Pot::new(decode::read::<T>);
    match decode_into(bytes, &mut pot) {
        Ok(()) => pot.value.ok_or(DecodeError::Absent),
        Err(error) => Err(error),
    }
}

fn decode_into<'de>(bytes: &'de [u8], pot: &mut dyn Seed<'de>) -> Result<(), DecodeError> {
    match bytes.split_first() {
        None => Err(DecodeError::Empty),
        Some((&MESSAGE_PACK, body)) => {
            let rest = read_one(body, pot).map_err(DecodeError::Value)?;
            match rest.len() {
                0 => Ok(()),
                more => Err(DecodeError::TrailingBytes(more)),
            }
        }
        Some((&JSON, body)) => read_json(body, pot).map_err(DecodeError::Value),
        Some((&format, _)) => Err(DecodeError::Format(format)),
    }
}

pub(super) fn write_named<T: Stored + ?Sized>(
    bytes: &mut Vec<u8>,
    value: &T,
) -> Result<(), EncodeError> {
    match value.write(bytes) {
        Ok(()) => Ok(()),
        Err(error) => Err(EncodeError {
            message: error.to_string(),
        }),
    }
}

/// A value that can be written, whatever its type is.
pub(crate) trait Stored {
    /// Writes the value as MessagePack.
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error>;
}

impl<T: Serialize + ?Sized> Stored for T {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
        self.serialize(&mut rmp_serde::Serializer::new(bytes).with_struct_map())
    }
}

/// Reads one MessagePack value and returns what follows it.
pub(super) fn read_one<'de>(
    bytes: &'de [u8],
    pot: &mut dyn Seed<'de>,
) -> Result<&'de [u8], String> {
    let mut deserializer = message_pack(bytes);
    let planted = pot.plant(&mut Format::new(&mut deserializer));
    planted.map_err(|fault| fault.to_string())?;
    Ok(&bytes[read_so_far(&deserializer)..])
}

/// A deserializer that knows how much it has read.
pub(super) type MessagePack<'a> = rmp_serde::Deserializer<ReadReader<Cursor<&'a [u8]>>>;

pub(super) fn message_pack(bytes: &[u8]) -> MessagePack<'_> {
    let mut deserializer = rmp_serde::Deserializer::new(Cursor::new(bytes));
    deserializer.set_max_depth(DEPTH_MAX);
    deserializer
}

/// How many bytes a deserializer has read.
pub(super) fn read_so_far(deserializer: &MessagePack<'_>) -> usize {
    let all = deserializer.get_ref().get_ref().len();
    usize::try_from(deserializer.position()).map_or(all, |read| read.min(all))
}

/// Reads the first MessagePack value, whatever follows it.
pub(super) fn read_first<'de>(bytes: &'de [u8], pot: &mut dyn Seed<'de>) -> Result<(), String> {
    // It knows no position, and lends its text in the place of copying it.
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(DEPTH_MAX);
    let planted = pot.plant(&mut Format::new(&mut deserializer));
    planted.map_err(|fault| fault.to_string())
}

/// Reads one JSON value, which nothing may follow.
pub(super) fn read_json<'de>(bytes: &'de [u8], pot: &mut dyn Seed<'de>) -> Result<(), String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let planted = pot.plant(&mut Format::new(&mut deserializer));
    planted.map_err(|fault| fault.to_string())?;
    deserializer.end().map_err(|error| error.to_string())
}
