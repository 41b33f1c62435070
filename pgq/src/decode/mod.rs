//! Reads values of every type from every format, so that a type is compiled once for all of them.
//!
//! A `Deserialize` is compiled anew for each deserializer that it is used with, and most of what is
//! compiled for a task would be that. So there is one deserializer that types see,
//! [`Reader`]; behind it is a [`Source`], which is not known by its type. A source is asked for a value
//! ([`Ask`]) and shows what it has ([`Given`]) to a [`Sink`], which is the visitor of the type.
//!
//! Nothing is decided here: sources of a format hand each question on to the deserializer of that
//! format, and each answer back.

mod fault;
mod format;
mod reader;
mod slot;

use std::fmt;

use serde::de::DeserializeOwned;

pub(crate) use self::fault::{Fault, Reason};
pub(crate) use self::format::Format;
use self::reader::Reader;

/// What a value is asked for as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    Any,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    String,
    Bytes,
    ByteBuf,
    Option,
    Unit,
    UnitStruct(&'static str),
    NewtypeStruct(&'static str),
    Seq,
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Map,
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    Identifier,
    IgnoredAny,
}

/// What a source has.
pub(crate) enum Given<'a, 'de> {
    Unit,
    None,
    Some(&'a mut dyn Source<'de>),
    Newtype(&'a mut dyn Source<'de>),
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    I128(i128),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    F32(f32),
    F64(f64),
    Char(char),
    Str(&'a str),
    BorrowedStr(&'de str),
    String(String),
    Bytes(&'a [u8]),
    BorrowedBytes(&'de [u8]),
    ByteBuf(Vec<u8>),
    Seq(&'a mut dyn Elements<'de>),
    Map(&'a mut dyn Entries<'de>),
    Enum(&'a mut dyn Choice<'de>),
}

/// Has one value. Only the first `give` is answered.
pub(crate) trait Source<'de> {
    /// Shows the value to `sink`, which makes one of the type `type_name` of it.
    fn give(
        &mut self,
        ask: Ask,
        type_name: &'static str,
        sink: &mut dyn Sink<'de>,
    ) -> Result<(), Fault>;

    fn is_human_readable(&self) -> bool;
}

/// Makes a value of what it is shown, and keeps it.
pub(crate) trait Sink<'de> {
    fn take(&mut self, given: Given<'_, 'de>) -> Result<(), Fault>;

    /// Says what it wants to be shown.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Makes a value of a source that it is given, and keeps it.
pub(crate) trait Seed<'de> {
    fn plant(&mut self, source: &mut dyn Source<'de>) -> Result<(), Fault>;
}

/// The elements of a sequence.
pub(crate) trait Elements<'de> {
    /// Plants the next element, or nothing at the end.
    fn next(&mut self, type_name: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn size_hint(&self) -> Option<usize>;
}

/// The entries of a map.
pub(crate) trait Entries<'de> {
    /// Plants the next key, or nothing at the end.
    fn next_key(&mut self, type_name: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn next_value(
        &mut self,
        type_name: &'static str,
        seed: &mut dyn Seed<'de>,
    ) -> Result<(), Fault>;

    fn size_hint(&self) -> Option<usize>;
}

/// A variant of an enum, and what it holds.
pub(crate) trait Choice<'de> {
    /// Plants which variant it is. Comes before the others, of which one is called.
    fn variant(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn unit(&mut self) -> Result<(), Fault>;

    fn newtype(&mut self, type_name: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn tuple(&mut self, length: usize, sink: &mut dyn Sink<'de>) -> Result<(), Fault>;

    fn structure(
        &mut self,
        fields: &'static [&'static str],
        sink: &mut dyn Sink<'de>,
    ) -> Result<(), Fault>;
}

/// Reads the value of a source.
pub(crate) type Read<T> = fn(&mut dyn Source<'_>) -> Result<T, Fault>;

/// The [`Read`] of a type.
pub(crate) fn read<T: DeserializeOwned>(source: &mut dyn Source<'_>) -> Result<T, Fault> {
    T::deserialize(Reader { source })
}

/// Where a value of the type `T` is put by who knows only that it is a [`Seed`].
#[derive(Debug)]
pub(crate) struct Pot<T> {
    read: Read<T>,
    /// Is there once it is planted.
    pub(crate) value: Option<T>,
}

impl<T> Pot<T> {
    pub(crate) const fn new(read: Read<T>) -> Self {
        Self { read, value: None }
    }
}

impl<'de, T> Seed<'de> for Pot<T> {
    fn plant(&mut self, source: &mut dyn Source<'de>) -> Result<(), Fault> {
        match (self.read)(source) {
            Ok(value) => {
                self.value = Some(value);
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }
}

/// Says whether a source has a value of a type, and why not.
pub(crate) type Probe = fn(&mut dyn Source<'_>) -> Result<(), Fault>;

/// The [`Probe`] of `T`.
pub(crate) fn probe<T: DeserializeOwned>(source: &mut dyn Source<'_>) -> Result<(), Fault> {
    match T::deserialize(Reader { source }) {
        Ok(_) => Ok(()),
        Err(fault) => Err(fault),
    }
}

impl<'de> Seed<'de> for Probe {
    fn plant(&mut self, source: &mut dyn Source<'de>) -> Result<(), Fault> {
        self(source)
    }
}

#[cfg(test)]
mod tests;
