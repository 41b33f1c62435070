//! The values that are made up.

use crate::decode::{Ask, Choice, Elements, Entries, Fault, Given, Seed, Sink, Source};
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

    /// Shows sample `index` to a sink.
    pub(super) fn show(self, index: usize, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
        const SIGNED: [i8; 3] = [1, 0, -1];
        const UNSIGNED: [u8; 3] = [1, 0, 200];
        let mut nothing = Nothing;
        sink.take(match self {
            Self::Unit | Self::UnitStruct => Given::Unit,
            Self::Bool => Given::Bool(index == 0),
            Self::I8 => Given::I8(SIGNED[index]),
            Self::I16 => Given::I16(SIGNED[index].into()),
            Self::I32 => Given::I32(SIGNED[index].into()),
            Self::I64 => Given::I64(SIGNED[index].into()),
            Self::I128 => Given::I128(SIGNED[index].into()),
            Self::U8 => Given::U8(UNSIGNED[index]),
            Self::U16 => Given::U16(UNSIGNED[index].into()),
            Self::U32 => Given::U32(UNSIGNED[index].into()),
            Self::U64 => Given::U64(UNSIGNED[index].into()),
            Self::U128 => Given::U128(UNSIGNED[index].into()),
            Self::F32 => Given::F32([1.0, 0.0, -1.5][index]),
            Self::F64 => Given::F64([1.0, 0.0, -1.5][index]),
            Self::Char => Given::Char(['a', '\u{e9}'][index]),
            Self::Text => Given::Str(TEXTS[index]),
            Self::Bytes => Given::Bytes(BYTES[index]),
            Self::Flattened => Given::Map(&mut nothing),
            Self::Any => match index {
                0 => Given::Unit,
                1 => Given::Bool(true),
                2 => Given::U64(1),
                3 => Given::F64(1.5),
                4 => Given::Str("a"),
                5 => Given::Seq(&mut nothing),
                _ => Given::Map(&mut nothing),
            },
        })
    }
}

/// A sequence or a map without anything in it.
struct Nothing;

impl<'de> Elements<'de> for Nothing {
    fn next(&mut self, _: &'static str, _: &mut dyn Seed<'de>) -> Result<(), Fault> {
        Ok(())
    }

    fn size_hint(&self) -> Option<usize> {
        Some(0)
    }
}

impl<'de> Entries<'de> for Nothing {
    fn next_key(&mut self, _: &'static str, _: &mut dyn Seed<'de>) -> Result<(), Fault> {
        Ok(())
    }

    fn next_value(&mut self, _: &'static str, _: &mut dyn Seed<'de>) -> Result<(), Fault> {
        Err(Fault::blamed())
    }

    fn size_hint(&self) -> Option<usize> {
        Some(0)
    }
}

/// The name of a field or of a variant, whatever it is asked for as.
pub(super) struct Name(pub(super) &'static str);

impl<'de> Source<'de> for Name {
    fn give(&mut self, ask: Ask, _: &'static str, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        match ask {
            Ask::Enum(..) => sink.take(Given::Enum(self)),
            _ => sink.take(Given::Str(self.0)),
        }
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

impl<'de> Choice<'de> for Name {
    fn variant(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        seed.plant(self)
    }

    fn unit(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype(&mut self, _: &'static str, _: &mut dyn Seed<'de>) -> Result<(), Fault> {
        Err(Fault::of("a name holds nothing"))
    }

    fn tuple(&mut self, _: usize, _: &mut dyn Sink<'de>) -> Result<(), Fault> {
        Err(Fault::of("a name holds nothing"))
    }

    fn structure(
        &mut self,
        _: &'static [&'static str],
        _: &mut dyn Sink<'de>,
    ) -> Result<(), Fault> {
        Err(Fault::of("a name holds nothing"))
    }
}

/// The value of a field that is unknown.
pub(super) struct Zero;

impl<'de> Source<'de> for Zero {
    fn give(&mut self, _: Ask, _: &'static str, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        sink.take(Given::U64(0))
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}
