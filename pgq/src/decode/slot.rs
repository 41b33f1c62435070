//! Visitors and seeds as sinks: each has a slot for the value that it makes.
//!
//! There is one for each kind of question, so that no more is compiled than what may answer it.

use std::fmt;

use serde::de::{DeserializeSeed, Error, Expected, Unexpected, Visitor};

use super::reader::{ChoiceReader, ElementReader, EntryReader, Reader};
use super::{Fault, Given, Seed, Sink, Source};

impl Given<'_, '_> {
    #[cold]
    fn is_not(&self, expected: &dyn Expected) -> Fault {
        Fault::invalid_type(self.as_unexpected(), expected)
    }

    fn as_unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Unit => Unexpected::Unit,
            Self::None | Self::Some(_) => Unexpected::Option,
            Self::Newtype(_) => Unexpected::NewtypeStruct,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::I8(value) => Unexpected::Signed((*value).into()),
            Self::I16(value) => Unexpected::Signed((*value).into()),
            Self::I32(value) => Unexpected::Signed((*value).into()),
            Self::I64(value) => Unexpected::Signed(*value),
            Self::I128(_) => Unexpected::Other("i128"),
            Self::U8(value) => Unexpected::Unsigned((*value).into()),
            Self::U16(value) => Unexpected::Unsigned((*value).into()),
            Self::U32(value) => Unexpected::Unsigned((*value).into()),
            Self::U64(value) => Unexpected::Unsigned(*value),
            Self::U128(_) => Unexpected::Other("u128"),
            Self::F32(value) => Unexpected::Float((*value).into()),
            Self::F64(value) => Unexpected::Float(*value),
            Self::Char(value) => Unexpected::Char(*value),
            Self::Str(value) | Self::BorrowedStr(value) => Unexpected::Str(value),
            Self::String(value) => Unexpected::Str(value),
            Self::Bytes(value) | Self::BorrowedBytes(value) => Unexpected::Bytes(value),
            Self::ByteBuf(value) => Unexpected::Bytes(value),
            Self::Seq(_) => Unexpected::Seq,
            Self::Map(_) => Unexpected::Map,
            Self::Enum(_) => Unexpected::Enum,
        }
    }
}

/// What may be a key of a map, and so the name of a field: not only text, because some fields of a
/// struct may be a map. Numbers of all sizes are as good as one of the largest.
enum Name<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Unit,
    Not,
}

impl Given<'_, '_> {
    fn as_name(&self) -> Name<'_> {
        match self {
            Self::Str(value) | Self::BorrowedStr(value) => Name::Text(value),
            Self::String(value) => Name::Text(value),
            Self::Bytes(value) | Self::BorrowedBytes(value) => Name::Bytes(value),
            Self::ByteBuf(value) => Name::Bytes(value),
            Self::U8(value) => Name::Unsigned((*value).into()),
            Self::U16(value) => Name::Unsigned((*value).into()),
            Self::U32(value) => Name::Unsigned((*value).into()),
            Self::U64(value) => Name::Unsigned(*value),
            Self::I8(value) => Name::Signed((*value).into()),
            Self::I16(value) => Name::Signed((*value).into()),
            Self::I32(value) => Name::Signed((*value).into()),
            Self::I64(value) => Name::Signed(*value),
            Self::F32(value) => Name::Float((*value).into()),
            Self::F64(value) => Name::Float(*value),
            Self::Bool(value) => Name::Bool(*value),
            Self::Unit => Name::Unit,
            _ => Name::Not,
        }
    }
}

macro_rules! slots {
    ($($(#[$doc:meta])* $slot:ident { $($given:pat => |$visitor:ident| $visit:expr,)* })*) => {$(
        $(#[$doc])*
        pub(super) struct $slot<V, T> {
            visitor: Option<V>,
            value: Option<T>,
        }

        impl<V, T> $slot<V, T> {
            pub(super) fn new(visitor: V) -> Self {
                Self {
                    visitor: Some(visitor),
                    value: None,
                }
            }

            pub(super) fn taken(self) -> Result<T, Fault> {
                match self.value {
                    Some(value) => Ok(value),
                    None => Err(Fault::nothing()),
                }
            }
        }

        impl<'de, V: Visitor<'de>> Sink<'de> for $slot<V, V::Value> {
            fn take(&mut self, given: Given<'_, 'de>) -> Result<(), Fault> {
                let Some(visitor) = self.visitor.take() else {
                    return Err(Fault::spent());
                };
                let visited = match given {
                    $($given => { let $visitor = visitor; $visit })*
                    #[allow(unreachable_patterns, reason = "one slot takes everything")]
                    other => Err(other.is_not(&visitor)),
                };
                match visited {
                    Ok(value) => {
                        self.value = Some(value);
                        Ok(())
                    }
                    Err(fault) => Err(fault),
                }
            }

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.visitor {
                    Some(visitor) => visitor.expecting(f),
                    None => Ok(()),
                }
            }
        }
    )*};
}

slots! {
    /// For who takes whatever comes, and for values that have no parts.
    AnySlot {
        Given::Unit => |visitor| visitor.visit_unit(),
        Given::None => |visitor| visitor.visit_none(),
        Given::Some(source) => |visitor| visitor.visit_some(Reader { source }),
        Given::Newtype(source) => |visitor| visitor.visit_newtype_struct(Reader { source }),
        Given::Bool(value) => |visitor| visitor.visit_bool(value),
        Given::I8(value) => |visitor| visitor.visit_i8(value),
        Given::I16(value) => |visitor| visitor.visit_i16(value),
        Given::I32(value) => |visitor| visitor.visit_i32(value),
        Given::I64(value) => |visitor| visitor.visit_i64(value),
        Given::I128(value) => |visitor| visitor.visit_i128(value),
        Given::U8(value) => |visitor| visitor.visit_u8(value),
        Given::U16(value) => |visitor| visitor.visit_u16(value),
        Given::U32(value) => |visitor| visitor.visit_u32(value),
        Given::U64(value) => |visitor| visitor.visit_u64(value),
        Given::U128(value) => |visitor| visitor.visit_u128(value),
        Given::F32(value) => |visitor| visitor.visit_f32(value),
        Given::F64(value) => |visitor| visitor.visit_f64(value),
        Given::Char(value) => |visitor| visitor.visit_char(value),
        Given::Str(value) => |visitor| visitor.visit_str(value),
        Given::BorrowedStr(value) => |visitor| visitor.visit_borrowed_str(value),
        Given::String(value) => |visitor| visitor.visit_string(value),
        Given::Bytes(value) => |visitor| visitor.visit_bytes(value),
        Given::BorrowedBytes(value) => |visitor| visitor.visit_borrowed_bytes(value),
        Given::ByteBuf(value) => |visitor| visitor.visit_byte_buf(value),
        Given::Seq(elements) => |visitor| visitor.visit_seq(ElementReader(elements)),
        Given::Map(entries) => |visitor| visitor.visit_map(EntryReader(entries)),
        Given::Enum(choice) => |visitor| visitor.visit_enum(ChoiceReader(choice)),
    }

    /// For sequences, tuples, maps and structs.
    PartsSlot {
        Given::Seq(elements) => |visitor| visitor.visit_seq(ElementReader(elements)),
        Given::Map(entries) => |visitor| visitor.visit_map(EntryReader(entries)),
    }

    /// For options.
    OptionSlot {
        Given::None => |visitor| visitor.visit_none(),
        Given::Unit => |visitor| visitor.visit_unit(),
        Given::Some(source) => |visitor| visitor.visit_some(Reader { source }),
    }

    /// For types that are stored as what they hold. A map is what JSON gives to who wants it raw.
    NewtypeSlot {
        Given::Newtype(source) => |visitor| visitor.visit_newtype_struct(Reader { source }),
        Given::Seq(elements) => |visitor| visitor.visit_seq(ElementReader(elements)),
        Given::Map(entries) => |visitor| visitor.visit_map(EntryReader(entries)),
    }

    /// For enums.
    EnumSlot {
        Given::Enum(choice) => |visitor| visitor.visit_enum(ChoiceReader(choice)),
    }

    /// For the names of fields and variants.
    NameSlot {
        given => |visitor| match given.as_name() {
            Name::Text(value) => visitor.visit_str(value),
            Name::Bytes(value) => visitor.visit_bytes(value),
            Name::Unsigned(value) => visitor.visit_u64(value),
            Name::Signed(value) => visitor.visit_i64(value),
            Name::Float(value) => visitor.visit_f64(value),
            Name::Bool(value) => visitor.visit_bool(value),
            Name::Unit => visitor.visit_unit(),
            Name::Not => Err(given.is_not(&visitor)),
        },
    }
}

/// A seed, and what it has become.
pub(super) struct SeedSlot<S, T> {
    seed: Option<S>,
    pub(super) value: Option<T>,
}

impl<S, T> SeedSlot<S, T> {
    pub(super) fn new(seed: S) -> Self {
        Self {
            seed: Some(seed),
            value: None,
        }
    }

    pub(super) fn taken(self) -> Result<T, Fault> {
        match self.value {
            Some(value) => Ok(value),
            None => Err(Fault::nothing()),
        }
    }
}

impl<'de, S: DeserializeSeed<'de>> Seed<'de> for SeedSlot<S, S::Value> {
    fn plant(&mut self, source: &mut dyn Source<'de>) -> Result<(), Fault> {
        let Some(seed) = self.seed.take() else {
            return Err(Fault::spent());
        };
        match seed.deserialize(Reader { source }) {
            Ok(value) => {
                self.value = Some(value);
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }
}
