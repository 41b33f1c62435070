//! [`Place`]: the source of one place.

use super::Trace;
use super::access::{Each, Entry, Fields, Variants};
use super::node::{
    Content, EnumNode, FieldNode, Kind, LeafNode, NodeId, Plan, StructNode, VariantNode,
};
use super::sample::Leaf;
use crate::decode::{Ask, Fault, Given, Sink, Source};

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

    fn leaf(self, leaf: Leaf, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
        self.trace.see(self.id, || Kind::Leaf(LeafNode::new(leaf)));
        let sample = self.trace.with(self.id, |node| match &node.kind {
            Kind::Leaf(node) if node.leaf == leaf => Some(node.sample()),
            // Asked for different things in different runs, so nothing can be said of it.
            _ => None,
        });
        match sample {
            Some(sample) => leaf.show(sample, sink),
            None => self.give_up(),
        }
    }

    /// Makes the place one of which nothing can be said.
    fn give_up(self) -> Result<(), Fault> {
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
        Err(Fault::blamed())
    }

    /// Sees the place as a sequence of `length` places.
    pub(super) fn tuple(self, length: usize, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
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
            Some(ids) => sink.take(Given::Seq(&mut Each::new(self, ids))),
            None => self.give_up(),
        }
    }

    /// Sees the place as a struct with these names.
    pub(super) fn fields(
        self,
        names: &'static [&'static str],
        sink: &mut dyn Sink<'_>,
    ) -> Result<(), Fault> {
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
        let visited = sink.take(Given::Map(&mut fields));
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

impl Place<'_> {
    /// A wrapper is stored as what it holds.
    fn newtype(mut self, type_name: &'static str, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
        match self.is_inside_of(type_name) {
            true => self.give_up(),
            false => sink.take(Given::Newtype(&mut self)),
        }
    }

    fn option(self, type_name: &'static str, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
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
            return sink.take(Given::None);
        }
        let inside = type_name.strip_prefix("core::option::Option<");
        let name = inside
            .and_then(|name| name.strip_suffix('>'))
            .unwrap_or(type_name);
        self.trace.with(inner, |node| node.type_name = name);
        let given = sink.take(Given::Some(&mut self.at(inner)));
        self.trace.judge(inner, given)
    }

    fn list(self, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.trace
            .see(self.id, || Kind::List(self.trace.add(self.id)));
        let element = self.trace.with(self.id, |node| match node.kind {
            Kind::List(element) => Some(element),
            _ => None,
        });
        let elements = match element {
            Some(element) if self.trace.is_settled(element) => Vec::new(),
            Some(element) => vec![element],
            None => return self.give_up(),
        };
        sink.take(Given::Seq(&mut Each::new(self, elements)))
    }

    fn map(self, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
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
            return self.leaf(Leaf::Flattened, sink);
        };
        let entry = (!self.trace.is_settled(self.id)).then_some((key, value));
        sink.take(Given::Map(&mut Entry::new(self, entry)))
    }

    fn structure(
        self,
        type_name: &'static str,
        names: &'static [&'static str],
        sink: &mut dyn Sink<'_>,
    ) -> Result<(), Fault> {
        if self.is_again(type_name) {
            return Err(Fault::blamed());
        }
        if self.trace.is_too_much(self.id) {
            return self.give_up();
        }
        self.fields(names, sink)
    }

    fn choice(
        self,
        type_name: &'static str,
        names: &'static [&'static str],
        sink: &mut dyn Sink<'_>,
    ) -> Result<(), Fault> {
        if self.is_again(type_name) {
            return Err(Fault::blamed());
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
            Some(variants) => variants.show(sink),
            None => Err(Fault::blamed()),
        }
    }

    /// A key that is neither a string nor a number is the name of a field: the map around it is a
    /// struct with flattened fields.
    fn identifier(self) -> Result<(), Fault> {
        if let Some(map) = self.trace.with(self.id, |node| node.parent) {
            let flattened = Kind::Leaf(LeafNode::new(Leaf::Flattened));
            self.trace.with(map, |node| node.kind = flattened);
            self.trace.learn();
        }
        Err(Fault::blamed())
    }
}

impl<'de> Source<'de> for Place<'_> {
    fn give(
        &mut self,
        ask: Ask,
        type_name: &'static str,
        sink: &mut dyn Sink<'de>,
    ) -> Result<(), Fault> {
        let leaf = match ask {
            Ask::Any | Ask::IgnoredAny => Leaf::Any,
            Ask::Bool => Leaf::Bool,
            Ask::I8 => Leaf::I8,
            Ask::I16 => Leaf::I16,
            Ask::I32 => Leaf::I32,
            Ask::I64 => Leaf::I64,
            Ask::I128 => Leaf::I128,
            Ask::U8 => Leaf::U8,
            Ask::U16 => Leaf::U16,
            Ask::U32 => Leaf::U32,
            Ask::U64 => Leaf::U64,
            Ask::U128 => Leaf::U128,
            Ask::F32 => Leaf::F32,
            Ask::F64 => Leaf::F64,
            Ask::Char => Leaf::Char,
            Ask::Str | Ask::String => Leaf::Text,
            Ask::Bytes | Ask::ByteBuf => Leaf::Bytes,
            Ask::Unit => Leaf::Unit,
            Ask::UnitStruct(_) => Leaf::UnitStruct,
            Ask::NewtypeStruct(_) => return self.newtype(type_name, sink),
            Ask::Option => return self.option(type_name, sink),
            Ask::Seq => return self.list(sink),
            Ask::TupleStruct(..) if self.is_inside_of(type_name) => return self.give_up(),
            Ask::Tuple(length) | Ask::TupleStruct(_, length) => return self.tuple(length, sink),
            Ask::Map => return self.map(sink),
            Ask::Struct(_, names) => return self.structure(type_name, names, sink),
            Ask::Enum(_, names) => return self.choice(type_name, names, sink),
            Ask::Identifier => return self.identifier(),
        };
        self.leaf(leaf, sink)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
