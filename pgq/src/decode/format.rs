//! [`Format`]: any deserializer as a source. It is compiled for those of the formats, and in this
//! crate only.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Ask, Choice, Elements, Entries, Fault, Given, Seed, Sink, Source};

/// A deserializer, until it is asked.
pub(crate) struct Format<D> {
    deserializer: Option<D>,
    is_human_readable: bool,
}

impl<'de, D: Deserializer<'de>> Format<D> {
    pub(crate) fn new(deserializer: D) -> Self {
        Self {
            is_human_readable: deserializer.is_human_readable(),
            deserializer: Some(deserializer),
        }
    }
}

impl<'de, D: Deserializer<'de>> Source<'de> for Format<D> {
    fn give(&mut self, ask: Ask, _: &'static str, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        let from = self.deserializer.take().ok_or_else(Fault::spent)?;
        let to = Shown(sink);
        let given = match ask {
            Ask::Any => from.deserialize_any(to),
            Ask::Bool => from.deserialize_bool(to),
            Ask::I8 => from.deserialize_i8(to),
            Ask::I16 => from.deserialize_i16(to),
            Ask::I32 => from.deserialize_i32(to),
            Ask::I64 => from.deserialize_i64(to),
            Ask::I128 => from.deserialize_i128(to),
            Ask::U8 => from.deserialize_u8(to),
            Ask::U16 => from.deserialize_u16(to),
            Ask::U32 => from.deserialize_u32(to),
            Ask::U64 => from.deserialize_u64(to),
            Ask::U128 => from.deserialize_u128(to),
            Ask::F32 => from.deserialize_f32(to),
            Ask::F64 => from.deserialize_f64(to),
            Ask::Char => from.deserialize_char(to),
            Ask::Str => from.deserialize_str(to),
            Ask::String => from.deserialize_string(to),
            Ask::Bytes => from.deserialize_bytes(to),
            Ask::ByteBuf => from.deserialize_byte_buf(to),
            Ask::Option => from.deserialize_option(to),
            Ask::Unit => from.deserialize_unit(to),
            Ask::UnitStruct(name) => from.deserialize_unit_struct(name, to),
            Ask::NewtypeStruct(name) => from.deserialize_newtype_struct(name, to),
            Ask::Seq => from.deserialize_seq(to),
            Ask::Tuple(length) => from.deserialize_tuple(length, to),
            Ask::TupleStruct(name, length) => from.deserialize_tuple_struct(name, length, to),
            Ask::Map => from.deserialize_map(to),
            Ask::Struct(name, fields) => from.deserialize_struct(name, fields, to),
            Ask::Enum(name, variants) => from.deserialize_enum(name, variants, to),
            Ask::Identifier => from.deserialize_identifier(to),
            Ask::IgnoredAny => from.deserialize_ignored_any(to),
        };
        given.map_err(Fault::of)
    }

    fn is_human_readable(&self) -> bool {
        self.is_human_readable
    }
}

/// A sink as the visitor of a format.
struct Shown<'s, 'de>(&'s mut dyn Sink<'de>);

macro_rules! shown {
    ($($method:ident($type:ty) => $given:ident,)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<(), E> {
            self.0.take(Given::$given(value)).map_err(Fault::into_error)
        }
    )*};
}

impl<'de> Visitor<'de> for Shown<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    shown! {
        visit_bool(bool) => Bool,
        visit_i8(i8) => I8,
        visit_i16(i16) => I16,
        visit_i32(i32) => I32,
        visit_i64(i64) => I64,
        visit_i128(i128) => I128,
        visit_u8(u8) => U8,
        visit_u16(u16) => U16,
        visit_u32(u32) => U32,
        visit_u64(u64) => U64,
        visit_u128(u128) => U128,
        visit_f32(f32) => F32,
        visit_f64(f64) => F64,
        visit_char(char) => Char,
        visit_str(&str) => Str,
        visit_borrowed_str(&'de str) => BorrowedStr,
        visit_string(String) => String,
        visit_bytes(&[u8]) => Bytes,
        visit_borrowed_bytes(&'de [u8]) => BorrowedBytes,
        visit_byte_buf(Vec<u8>) => ByteBuf,
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.take(Given::Unit).map_err(Fault::into_error)
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.0.take(Given::None).map_err(Fault::into_error)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        let taken = self.0.take(Given::Some(&mut Format::new(inner)));
        taken.map_err(Fault::into_error)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        let taken = self.0.take(Given::Newtype(&mut Format::new(inner)));
        taken.map_err(Fault::into_error)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        let taken = self.0.take(Given::Seq(&mut Parts(elements)));
        taken.map_err(Fault::into_error)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        let taken = self.0.take(Given::Map(&mut Parts(entries)));
        taken.map_err(Fault::into_error)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        let taken = self.0.take(Given::Enum(&mut Variant::Unknown(choice)));
        taken.map_err(Fault::into_error)
    }
}

/// A seed as one that a format plants.
struct Planted<'s, 'de>(&'s mut dyn Seed<'de>);

impl<'de> DeserializeSeed<'de> for Planted<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let planted = self.0.plant(&mut Format::new(from));
        planted.map_err(Fault::into_error)
    }
}

/// The elements or entries of a format.
struct Parts<A>(A);

impl<'de, A: SeqAccess<'de>> Elements<'de> for Parts<A> {
    fn next(&mut self, _: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let next = self.0.next_element_seed(Planted(seed));
        next.map(Option::unwrap_or_default).map_err(Fault::of)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> Entries<'de> for Parts<A> {
    fn next_key(&mut self, _: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let next = self.0.next_key_seed(Planted(seed));
        next.map(Option::unwrap_or_default).map_err(Fault::of)
    }

    fn next_value(&mut self, _: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        self.0.next_value_seed(Planted(seed)).map_err(Fault::of)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// The variant of a format, before and after it is known.
enum Variant<A, C> {
    Unknown(A),
    Known(C),
    Spent,
}

impl<A, C> Variant<A, C> {
    fn known(&mut self) -> Result<C, Fault> {
        match std::mem::replace(self, Self::Spent) {
            Self::Known(content) => Ok(content),
            Self::Unknown(_) | Self::Spent => Err(Fault::spent()),
        }
    }
}

impl<'de, A: EnumAccess<'de>> Choice<'de> for Variant<A, A::Variant> {
    fn variant(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let Self::Unknown(choice) = std::mem::replace(self, Self::Spent) else {
            return Err(Fault::spent());
        };
        let ((), content) = choice.variant_seed(Planted(seed)).map_err(Fault::of)?;
        *self = Self::Known(content);
        Ok(())
    }

    fn unit(&mut self) -> Result<(), Fault> {
        self.known()?.unit_variant().map_err(Fault::of)
    }

    fn newtype(&mut self, _: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let content = self.known()?;
        content
            .newtype_variant_seed(Planted(seed))
            .map_err(Fault::of)
    }

    fn tuple(&mut self, length: usize, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        let content = self.known()?;
        content
            .tuple_variant(length, Shown(sink))
            .map_err(Fault::of)
    }

    fn structure(
        &mut self,
        fields: &'static [&'static str],
        sink: &mut dyn Sink<'de>,
    ) -> Result<(), Fault> {
        let content = self.known()?;
        content
            .struct_variant(fields, Shown(sink))
            .map_err(Fault::of)
    }
}
