//! [`Place`]: the deserializer of one place.

use std::any::type_name;

use serde::de::{Deserializer, Visitor};

use super::Trace;
use super::access::{Elements, Entries, Fields, Variants};
use super::error::Stop;
use super::node::{
    Content, EnumNode, FieldNode, Kind, LeafNode, NodeId, Plan, StructNode, VariantNode,
};
use super::sample::Leaf;

/// Makes up values of one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'t> {
    pub(super) trace: &'t Trace,
    pub(super) id: NodeId,
}

impl<'t> Place<'t> {
    pub(super) fn at(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    fn leaf<'de, V: Visitor<'de>>(self, leaf: Leaf, visitor: V) -> Result<V::Value, Stop> {
        self.trace.see(self.id, || Kind::Leaf(LeafNode::new(leaf)));
        let sample = self.trace.with(self.id, |node| match &node.kind {
            Kind::Leaf(node) if node.leaf == leaf => Some(node.sample()),
            // Asked for different things in different runs, so nothing can be said of it.
            _ => None,
        });
        match sample {
            Some(sample) => leaf.show(sample, visitor),
            None => self.give_up(),
        }
    }

    /// Makes the place one of which nothing can be said.
    fn give_up<T>(self) -> Result<T, Stop> {
        let learned = self.trace.with(self.id, |node| {
            node.kind = Kind::Leaf(LeafNode {
                next: Leaf::Any.samples(),
                ..LeafNode::new(Leaf::Any)
            });
            !std::mem::replace(&mut node.checked, true)
        });
        if learned {
            self.trace.learn();
        }
        Err(Stop::BLAMED)
    }

    /// Sees the place as a sequence of `length` places.
    pub(super) fn tuple<'de, V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.trace.see(self.id, || {
            Kind::Tuple((0..length).map(|_| self.trace.add(self.id)).collect())
        });
        let ids = self.trace.with(self.id, |node| match &node.kind {
            Kind::Tuple(ids) => Some(ids.clone()),
            _ => None,
        });
        match ids {
            Some(ids) => visitor.visit_seq(Elements::new(self, ids)),
            None => self.give_up(),
        }
    }

    /// Sees the place as a struct with these names.
    pub(super) fn fields<'de, V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.trace.see(self.id, || {
            let field = |(position, &name): (usize, &&'static str)| FieldNode {
                name,
                position,
                node: self.trace.add(self.id),
                aliases: Vec::new(),
                optional: false,
                first: false,
            };
            Kind::Struct(StructNode {
                fields: names.iter().enumerate().map(field).collect(),
                plan: Plan::Explore,
                exact: false,
            })
        });
        if !self
            .trace
            .with(self.id, |node| matches!(node.kind, Kind::Struct(_)))
        {
            return self.give_up();
        }
        let mut fields = Fields::new(self);
        let visited = visitor.visit_map(&mut fields);
        fields.conclude(visited)
    }

    /// Whether this is the type of a place further up; then a value of it cannot be made up here,
    /// and those above must do without.
    fn is_again(self, identity: &'static str) -> bool {
        let again = self.trace.again(self.id, identity);
        if let Some(levels) = again {
            self.trace.see(self.id, || Kind::Again(levels));
        }
        self.trace
            .with(self.id, |node| node.identity = Some(identity));
        again.is_some()
    }
}

impl Place<'_> {
    /// Whether the place is inside one of this wrapper; if not, it is one from now on.
    fn is_inside_of(self, wrapper: &'static str) -> bool {
        if self.trace.is_too_much(self.id) || self.trace.is_inside(self.id, wrapper) {
            return true;
        }
        self.trace.with(self.id, |node| {
            if !node.wrappers.contains(&wrapper) {
                node.wrappers.push(wrapper);
            }
        });
        false
    }
}

macro_rules! leaves {
    ($($method:ident => $leaf:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            self.leaf(Leaf::$leaf, visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Place<'_> {
    type Error = Stop;

    leaves! {
        deserialize_any => Any,
        deserialize_ignored_any => Any,
        deserialize_bool => Bool,
        deserialize_i8 => I8,
        deserialize_i16 => I16,
        deserialize_i32 => I32,
        deserialize_i64 => I64,
        deserialize_i128 => I128,
        deserialize_u8 => U8,
        deserialize_u16 => U16,
        deserialize_u32 => U32,
        deserialize_u64 => U64,
        deserialize_u128 => U128,
        deserialize_f32 => F32,
        deserialize_f64 => F64,
        deserialize_char => Char,
        deserialize_str => Text,
        deserialize_string => Text,
        deserialize_bytes => Bytes,
        deserialize_byte_buf => Bytes,
        deserialize_unit => Unit,
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.leaf(Leaf::UnitStruct, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.is_inside_of(type_name::<V::Value>()) {
            return self.give_up();
        }
        // It is stored as what it holds.
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.trace
            .see(self.id, || Kind::Option(self.trace.add(self.id)));
        let inner = self.trace.with(self.id, |node| match node.kind {
            Kind::Option(inner) => Some(inner),
            _ => None,
        });
        let Some(inner) = inner else {
            return self.give_up();
        };
        if self.trace.is_settled(inner) {
            return visitor.visit_none();
        }
        let name = type_name::<V::Value>();
        let inside = name.strip_prefix("core::option::Option<");
        let name = inside
            .and_then(|name| name.strip_suffix('>'))
            .unwrap_or(name);
        self.trace.with(inner, |node| node.type_name = name);
        let given = visitor.visit_some(self.at(inner));
        self.trace.judge(inner, given)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.trace
            .see(self.id, || Kind::List(self.trace.add(self.id)));
        let element = self.trace.with(self.id, |node| match node.kind {
            Kind::List(element) => Some(element),
            _ => None,
        });
        match element {
            Some(element) if self.trace.is_settled(element) => {
                visitor.visit_seq(Elements::new(self, Vec::new()))
            }
            Some(element) => visitor.visit_seq(Elements::new(self, vec![element])),
            None => self.give_up(),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.tuple(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.is_inside_of(type_name::<V::Value>()) {
            return self.give_up();
        }
        self.tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.trace.see(self.id, || {
            Kind::Map(self.trace.add(self.id), self.trace.add(self.id))
        });
        let entry = self.trace.with(self.id, |node| match node.kind {
            Kind::Map(key, value) => Some((key, value)),
            _ => None,
        });
        let Some((key, value)) = entry else {
            return self.leaf(Leaf::Flattened, visitor);
        };
        let entry = (!self.trace.is_settled(self.id)).then_some((key, value));
        visitor.visit_map(Entries::new(self, entry))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.is_again(type_name::<V::Value>()) {
            return Err(Stop::BLAMED);
        }
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.fields(names, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.is_again(type_name::<V::Value>()) {
            return Err(Stop::BLAMED);
        }
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.trace.see(self.id, || {
            let variant = |&name: &&'static str| VariantNode {
                name,
                content: Content::Unseen,
                refused: false,
            };
            Kind::Enum(EnumNode {
                variants: names.iter().map(variant).collect(),
                open: None,
            })
        });
        match Variants::choose(self) {
            Some(variants) => variants.visit(visitor),
            None => Err(Stop::BLAMED),
        }
    }

    /// A key that is neither a string nor a number is the name of a field: the map around it is a
    /// struct with flattened fields.
    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        if let Some(map) = self.trace.with(self.id, |node| node.parent) {
            let flattened = Kind::Leaf(LeafNode::new(Leaf::Flattened));
            self.trace.with(map, |node| node.kind = flattened);
            self.trace.learn();
        }
        Err(Stop::BLAMED)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
