//! [`Reader`]: the deserializer that types see.
//!
//! What has a type parameter here is compiled for every type of every task, in the crate of the task.

use std::any::type_name;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::slot::{AnySlot, EnumSlot, NameSlot, NewtypeSlot, OptionSlot, PartsSlot, SeedSlot};
use super::{Ask, Choice, Elements, Entries, Fault, Source};

/// The value of a source.
pub(super) struct Reader<'s, 'de> {
    pub(super) source: &'s mut (dyn Source<'de> + 's),
}

macro_rules! asks {
    ($($method:ident($($argument:ident: $type:ty),*) => $slot:ident, $ask:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Fault> {
            let mut slot = $slot::new(visitor);
            match self.source.give($ask, type_name::<V::Value>(), &mut slot) {
                Ok(()) => slot.taken(),
                Err(fault) => Err(fault),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = Fault;

    asks! {
        deserialize_any() => AnySlot, Ask::Any;
        deserialize_bool() => AnySlot, Ask::Bool;
        deserialize_i8() => AnySlot, Ask::I8;
        deserialize_i16() => AnySlot, Ask::I16;
        deserialize_i32() => AnySlot, Ask::I32;
        deserialize_i64() => AnySlot, Ask::I64;
        deserialize_i128() => AnySlot, Ask::I128;
        deserialize_u8() => AnySlot, Ask::U8;
        deserialize_u16() => AnySlot, Ask::U16;
        deserialize_u32() => AnySlot, Ask::U32;
        deserialize_u64() => AnySlot, Ask::U64;
        deserialize_u128() => AnySlot, Ask::U128;
        deserialize_f32() => AnySlot, Ask::F32;
        deserialize_f64() => AnySlot, Ask::F64;
        deserialize_char() => AnySlot, Ask::Char;
        deserialize_str() => AnySlot, Ask::Str;
        deserialize_string() => AnySlot, Ask::String;
        deserialize_bytes() => AnySlot, Ask::Bytes;
        deserialize_byte_buf() => AnySlot, Ask::ByteBuf;
        deserialize_unit() => AnySlot, Ask::Unit;
        deserialize_unit_struct(name: &'static str) => AnySlot, Ask::UnitStruct(name);
        deserialize_ignored_any() => AnySlot, Ask::IgnoredAny;
        deserialize_option() => OptionSlot, Ask::Option;
        deserialize_newtype_struct(name: &'static str) => NewtypeSlot, Ask::NewtypeStruct(name);
        deserialize_seq() => PartsSlot, Ask::Seq;
        deserialize_tuple(length: usize) => PartsSlot, Ask::Tuple(length);
        deserialize_tuple_struct(name: &'static str, length: usize) =>
            PartsSlot, Ask::TupleStruct(name, length);
        deserialize_map() => PartsSlot, Ask::Map;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) =>
            PartsSlot, Ask::Struct(name, fields);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) =>
            EnumSlot, Ask::Enum(name, variants);
        deserialize_identifier() => NameSlot, Ask::Identifier;
    }

    fn is_human_readable(&self) -> bool {
        self.source.is_human_readable()
    }
}

/// What a type sees of a sequence.
pub(super) struct ElementReader<'s, 'de>(pub(super) &'s mut (dyn Elements<'de> + 's));

impl<'de> SeqAccess<'de> for ElementReader<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let mut slot = SeedSlot::new(seed);
        match self.0.next(type_name::<S::Value>(), &mut slot) {
            Ok(()) => Ok(slot.value),
            Err(fault) => Err(fault),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// What a type sees of a map.
pub(super) struct EntryReader<'s, 'de>(pub(super) &'s mut (dyn Entries<'de> + 's));

impl<'de> MapAccess<'de> for EntryReader<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let mut slot = SeedSlot::new(seed);
        match self.0.next_key(type_name::<S::Value>(), &mut slot) {
            Ok(()) => Ok(slot.value),
            Err(fault) => Err(fault),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let mut slot = SeedSlot::new(seed);
        match self.0.next_value(type_name::<S::Value>(), &mut slot) {
            Ok(()) => slot.taken(),
            Err(fault) => Err(fault),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// What a type sees of an enum, and then of its variant.
pub(super) struct ChoiceReader<'s, 'de>(pub(super) &'s mut (dyn Choice<'de> + 's));

impl<'de> EnumAccess<'de> for ChoiceReader<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let mut slot = SeedSlot::new(seed);
        match self.0.variant(&mut slot) {
            Ok(()) => Ok((slot.taken()?, self)),
            Err(fault) => Err(fault),
        }
    }
}

impl<'de> VariantAccess<'de> for ChoiceReader<'_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.0.unit()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let mut slot = SeedSlot::new(seed);
        match self.0.newtype(type_name::<S::Value>(), &mut slot) {
            Ok(()) => slot.taken(),
            Err(fault) => Err(fault),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        let mut slot = PartsSlot::new(visitor);
        match self.0.tuple(length, &mut slot) {
            Ok(()) => slot.taken(),
            Err(fault) => Err(fault),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let mut slot = PartsSlot::new(visitor);
        match self.0.structure(fields, &mut slot) {
            Ok(()) => slot.taken(),
            Err(fault) => Err(fault),
        }
    }
}
