//! The values that are made up.

use serde::de::Visitor;
use serde::de::value::{MapDeserializer, SeqDeserializer};

use super::error::Stop;
use crate::shape::Shape;

/// What the values of a place are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Unit,
    UnitStruct,
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
    Text,
    Bytes,
    /// Whatever comes.
    Any,
    /// A struct with flattened fields, which asks for a map.
    Flattened,
}

/// Texts that types which are stored as text may take: the first three are tried in any case.
const TEXTS: [&str; 17] = [
    "a",
    "",
    "\u{e9} ~",
    "0",
    "2000-01-01T00:00:00Z",
    "2000-01-01T00:00:00",
    "2000-01-01",
    "00:00:00",
    "00000000-0000-4000-8000-000000000000",
    "127.0.0.1",
    "https://example.com/",
    "a@example.com",
    "1.0.0",
    "UTC",
    "USD",
    "+15550100",
    "/a",
];

const BYTES: [&[u8]; 6] = [&[1], &[], &[0; 16], &[0; 4], &[0; 8], &[0; 32]];

impl Leaf {
    /// How many values there are to try.
    pub(super) const fn samples(self) -> usize {
        match self {
            Self::Unit | Self::UnitStruct | Self::Flattened => 1,
            Self::Bool | Self::Char => 2,
            Self::Text => TEXTS.len(),
            Self::Bytes => BYTES.len(),
            Self::Any => 7,
            // Small ones only: a type may make as much room as a number says, or count up to it.
            _ => 3,
        }
    }

    /// How many of them are tried although one was taken: a type that refuses one of them does not
    /// take every value.
    pub(super) const fn probes(self) -> usize {
        match self {
            Self::Text => 3,
            Self::Bytes => 2,
            _ => self.samples(),
        }
    }

    /// The shape, unless it is opaque. `takes_all` says whether every sample was taken.
    pub(super) fn shape(self, takes_all: bool) -> Option<Shape> {
        let integer = |signed, bits| Some(Shape::Integer { signed, bits });
        match self {
            Self::Unit => Some(Shape::Unit),
            Self::UnitStruct => Some(Shape::Tuple(Vec::new())),
            Self::Bool => Some(Shape::Bool),
            Self::I8 => integer(true, 8),
            Self::I16 => integer(true, 16),
            Self::I32 => integer(true, 32),
            Self::I64 => integer(true, 64),
            Self::I128 => integer(true, 128),
            Self::U8 => integer(false, 8),
            Self::U16 => integer(false, 16),
            Self::U32 => integer(false, 32),
            Self::U64 => integer(false, 64),
            Self::U128 => integer(false, 128),
            Self::F32 => Some(Shape::Float(32)),
            Self::F64 => Some(Shape::Float(64)),
            Self::Char => Some(Shape::Char),
            Self::Text => Some(Shape::Text),
            Self::Bytes => Some(Shape::Bytes),
            Self::Any if takes_all => Some(Shape::Any),
            Self::Any | Self::Flattened => None,
        }
    }

    /// Shows sample `index` to a visitor.
    pub(super) fn show<'de, V: Visitor<'de>>(
        self,
        index: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        const SIGNED: [i8; 3] = [1, 0, -1];
        const UNSIGNED: [u8; 3] = [1, 0, 200];
        match self {
            Self::Unit | Self::UnitStruct => visitor.visit_unit(),
            Self::Bool => visitor.visit_bool(index == 0),
            Self::I8 => visitor.visit_i8(SIGNED[index]),
            Self::I16 => visitor.visit_i16(SIGNED[index].into()),
            Self::I32 => visitor.visit_i32(SIGNED[index].into()),
            Self::I64 => visitor.visit_i64(SIGNED[index].into()),
            Self::I128 => visitor.visit_i128(SIGNED[index].into()),
            Self::U8 => visitor.visit_u8(UNSIGNED[index]),
            Self::U16 => visitor.visit_u16(UNSIGNED[index].into()),
            Self::U32 => visitor.visit_u32(UNSIGNED[index].into()),
            Self::U64 => visitor.visit_u64(UNSIGNED[index].into()),
            Self::U128 => visitor.visit_u128(UNSIGNED[index].into()),
            Self::F32 => visitor.visit_f32([1.0, 0.0, -1.5][index]),
            Self::F64 => visitor.visit_f64([1.0, 0.0, -1.5][index]),
            Self::Char => visitor.visit_char(['a', '\u{e9}'][index]),
            Self::Text => visitor.visit_str(TEXTS[index]),
            Self::Bytes => visitor.visit_bytes(BYTES[index]),
            Self::Flattened => visitor.visit_map(no_entries()),
            Self::Any => match index {
                0 => visitor.visit_unit(),
                1 => visitor.visit_bool(true),
                2 => visitor.visit_u64(1),
                3 => visitor.visit_f64(1.5),
                4 => visitor.visit_str("a"),
                5 => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<()>())),
                _ => visitor.visit_map(no_entries()),
            },
        }
    }
}

type NoEntries = MapDeserializer<'static, std::iter::Empty<((), ())>, Stop>;

fn no_entries() -> NoEntries {
    MapDeserializer::new(std::iter::empty())
}
