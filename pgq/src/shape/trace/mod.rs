//! Finds the shape of a type by driving its `Deserialize` with values that are made up.
//!
//! `Deserialize` shows one path through a type at a time: it asks for what it wants, gets a sample,
//! and asks for the next. So it is run again and again, and each run takes another path: another
//! variant, a field left out, a sample that a type with rules of its own may take. What was learned
//! is kept in a tree with a node for each place of a value.

mod access;
mod node;
mod place;
mod sample;

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;

use self::node::{Content, EnumNode, FieldNode, Kind, LeafNode, Node, NodeId, Plan, StructNode};
use self::place::Place;
use super::{Field, Shape, Variant};
use crate::decode::{self, Fault, Probe, Seed};

/// The most runs. What is not known then is opaque; no sane type needs a tenth of them.
const RUNS_MAX: usize = 20_000;
/// The most places of one type. What lies deeper is opaque.
const NODES_MAX: usize = 5_000;
/// How many places a place may be inside. What lies deeper is opaque: the stack would end as well.
const DEPTH_MAX: usize = 64;

const ROOT: NodeId = 0;

/// Finds the shape of `T`.
///
/// A `Deserialize` that panics is opaque as a whole.
pub(crate) fn trace<T: DeserializeOwned>() -> Shape {
    trace_type(type_name::<T>(), decode::probe::<T>)
}

/// Finds the shape of the type that `probe` reads.
pub(crate) fn trace_type(type_name: &'static str, probe: Probe) -> Shape {
    catch_unwind(AssertUnwindSafe(|| Trace::run(type_name, probe)))
        .unwrap_or_else(|_| Shape::Opaque(short_name(type_name)))
}

#[derive(Debug)]
struct Trace {
    nodes: RefCell<Vec<Node>>,
    /// Grows with each thing that is learned.
    learned: Cell<usize>,
}

impl Trace {
    fn run(type_name: &'static str, mut probe: Probe) -> Shape {
        let trace = Self {
            nodes: RefCell::new(vec![Node::new(None)]),
            learned: Cell::new(0),
        };
        for _ in 0..RUNS_MAX {
            let before = trace.learned.get();
            let _ = trace.give(type_name, &mut probe, ROOT);
            if trace.is_settled(ROOT) || trace.learned.get() == before {
                break;
            }
        }
        trace.shape(ROOT)
    }

    /// Gives a value to whoever asks for the one of this place.
    fn give(
        &self,
        type_name: &'static str,
        seed: &mut dyn Seed<'_>,
        id: NodeId,
    ) -> Result<(), Fault> {
        self.with(id, |node| node.type_name = type_name);
        let given = seed.plant(&mut Place { trace: self, id });
        self.judge(id, given)
    }

    /// Takes note of whether the value that a place made up was taken.
    fn judge(&self, id: NodeId, given: Result<(), Fault>) -> Result<(), Fault> {
        let taken = match &given {
            Err(fault) if fault.is_blamed() => return given,
            given => given.is_ok(),
        };
        let learned = self.with(id, |node| match &mut node.kind {
            Kind::Leaf(leaf) => {
                let settled = leaf.is_settled();
                node.checked |= !taken;
                if !settled {
                    if taken && leaf.good.is_none() {
                        leaf.good = Some(leaf.next);
                    }
                    leaf.next += 1;
                }
                !settled
            }
            _ if taken => false,
            _ => {
                node.checked = true;
                !std::mem::replace(&mut node.refuses, true)
            }
        });
        if learned {
            self.learn();
        }
        given.map_err(|_| Fault::blamed())
    }

    fn learn(&self) {
        self.learned.set(self.learned.get() + 1);
    }

    fn with<T>(&self, id: NodeId, change: impl FnOnce(&mut Node) -> T) -> T {
        change(&mut self.nodes.borrow_mut()[id])
    }

    /// Adds a place below `parent`.
    fn add(&self, parent: NodeId) -> NodeId {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node::new(Some(parent)));
        nodes.len() - 1
    }

    /// Whether nothing more is to be looked at below a place.
    fn is_too_much(&self, id: NodeId) -> bool {
        self.nodes.borrow().len() >= NODES_MAX || self.above(id).count() >= DEPTH_MAX
    }

    /// Whether a place is inside one of this wrapper. It then cannot be told how far up that is,
    /// because a wrapper leaves nothing of itself in a shape.
    fn is_inside(&self, id: NodeId, wrapper: &'static str) -> bool {
        let mut above = self.above(id);
        above.any(|ancestor| self.with(ancestor, |node| node.wrappers.contains(&wrapper)))
    }

    /// The places that a place is inside, from the nearest.
    fn above(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let parent = |id: &NodeId| self.nodes.borrow()[*id].parent;
        std::iter::successors(parent(&id), parent)
    }

    /// Sets what a place is when it is first seen.
    fn see(&self, id: NodeId, kind: impl FnOnce() -> Kind) {
        if !self.with(id, |node| matches!(node.kind, Kind::Unseen)) {
            return;
        }
        let kind = kind();
        self.with(id, |node| node.kind = kind);
        self.learn();
    }

    /// How many structs and enums up the same type is, if it is.
    fn again(&self, id: NodeId, identity: &'static str) -> Option<usize> {
        let nodes = self.nodes.borrow();
        let mut levels = 0;
        let mut above = nodes[id].parent;
        while let Some(ancestor) = above {
            let node = &nodes[ancestor];
            if matches!(node.kind, Kind::Struct(_) | Kind::Enum(_)) {
                levels += 1;
                if node.identity == Some(identity) {
                    return Some(levels);
                }
            }
            above = node.parent;
        }
        None
    }

    /// Whether there is nothing more to find out about a place.
    fn is_settled(&self, id: NodeId) -> bool {
        settled(&self.nodes.borrow(), id)
    }

    fn shape(&self, id: NodeId) -> Shape {
        shape(&self.nodes.borrow(), id)
    }
}

fn settled(nodes: &[Node], id: NodeId) -> bool {
    match &nodes[id].kind {
        Kind::Unseen => false,
        Kind::Again(_) => true,
        Kind::Leaf(leaf) => leaf.is_settled(),
        Kind::Option(inner) | Kind::List(inner) => settled(nodes, *inner),
        Kind::Map(key, value) => {
            settled(nodes, *key) && (stuck(nodes, *key) || settled(nodes, *value))
        }
        // What comes after an element that cannot be made up cannot be seen.
        Kind::Tuple(elements) => {
            let seen = elements
                .iter()
                .position(|&element| !settled(nodes, element) || stuck(nodes, element));
            seen.is_none_or(|first| settled(nodes, elements[first]))
        }
        Kind::Struct(fields) => fields.plan == Plan::Done,
        Kind::Enum(variants) => {
            variants.open.is_some() && unsettled_variant(nodes, variants).is_none()
        }
    }
}

fn unsettled_variant(nodes: &[Node], node: &EnumNode) -> Option<usize> {
    node.variants
        .iter()
        .position(|variant| match variant.content {
            Content::Unseen => !variant.refused,
            Content::Nothing => false,
            Content::Node(content) => !settled(nodes, content),
        })
}

fn stuck(nodes: &[Node], id: NodeId) -> bool {
    let node = &nodes[id];
    if node.refuses {
        return true;
    }
    match &node.kind {
        Kind::Again(_) => true,
        Kind::Unseen | Kind::Option(_) | Kind::List(_) | Kind::Map(..) => false,
        Kind::Leaf(leaf) => leaf.is_settled() && leaf.good.is_none(),
        Kind::Tuple(elements) => elements.iter().any(|&element| stuck(nodes, element)),
        Kind::Struct(node) => {
            let mut needed = node.fields.iter().filter(|field| !field.optional);
            needed.any(|field| stuck(nodes, field.node))
        }
        Kind::Enum(node) => node.variants.iter().all(|variant| {
            variant.refused
                || matches!(variant.content, Content::Node(content) if stuck(nodes, content))
        }),
    }
}

fn shape(nodes: &[Node], id: NodeId) -> Shape {
    let inner = |id: NodeId| Box::new(shape(nodes, id));
    let node = &nodes[id];
    let name = || short_name(node.type_name);
    let shape = match &node.kind {
        Kind::Unseen => return Shape::Opaque(name()),
        Kind::Again(levels) => return Shape::Again(*levels),
        Kind::Leaf(LeafNode { leaf, .. }) => match leaf.shape(!node.checked) {
            Some(shape) => shape,
            None => return Shape::Opaque(name()),
        },
        Kind::Option(id) => Shape::Option(inner(*id)),
        Kind::List(id) => Shape::List(inner(*id)),
        Kind::Map(key, value) => Shape::Map(inner(*key), inner(*value)),
        Kind::Tuple(ids) => Shape::Tuple(ids.iter().map(|&id| shape(nodes, id)).collect()),
        Kind::Struct(node) => struct_shape(nodes, node),
        Kind::Enum(node) => enum_shape(nodes, node),
    };
    if node.checked {
        return Shape::Checked {
            shape: Box::new(shape),
            by: name(),
        };
    }
    shape
}

fn struct_shape(nodes: &[Node], node: &StructNode) -> Shape {
    let field = |field: &FieldNode| {
        let mut aliases: Vec<String> = field.aliases.iter().map(|&name| name.to_owned()).collect();
        aliases.sort_unstable();
        Field {
            name: field.name.to_owned(),
            aliases,
            optional: field.optional,
            shape: shape(nodes, field.node),
        }
    };
    let mut fields: Vec<Field> = node.fields.iter().map(field).collect();
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    Shape::Struct {
        fields,
        exact: node.exact,
    }
}

fn enum_shape(nodes: &[Node], node: &EnumNode) -> Shape {
    let mut variants: Vec<Variant> = node
        .variants
        .iter()
        .map(|variant| Variant {
            name: variant.name.to_owned(),
            content: match variant.content {
                Content::Nothing => None,
                Content::Node(id) => Some(shape(nodes, id)),
                Content::Unseen => Some(Shape::Opaque(variant.name.to_owned())),
            },
        })
        .collect();
    variants.sort_by(|one, other| one.name.cmp(&other.name));
    Shape::Enum {
        variants,
        open: node.open.unwrap_or_default(),
    }
}

/// The last part of the name of a type, without its parameters: what compilers agree on.
fn short_name(type_name: &str) -> String {
    let path = type_name.split('<').next().unwrap_or_default();
    let name = path.rsplit("::").next().unwrap_or_default();
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty();
    match is_plain && !name.starts_with("__") {
        true => name.to_owned(),
        // A wrapper that `#[serde(with)]` makes, or a type without a name.
        false => "custom".to_owned(),
    }
}

#[cfg(test)]
mod tests;
