//! What is known of each place of a value.

use super::sample::Leaf;

pub(super) type NodeId = usize;

/// One place: the value itself, a field of it, an element, what a variant holds.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Option<NodeId>,
    /// The type of the struct or enum, which tells one that contains itself.
    pub(super) identity: Option<&'static str>,
    /// The wrappers that the place has been seen as: types that are stored as what they hold.
    pub(super) wrappers: Vec<&'static str>,
    /// The type of the place.
    pub(super) type_name: &'static str,
    pub(super) kind: Kind,
    /// Whether a value was refused that is of the right kind.
    pub(super) checked: bool,
    /// Whether no value can be made up, beyond what its parts say.
    pub(super) refuses: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Unseen,
    Leaf(LeafNode),
    Option(NodeId),
    List(NodeId),
    Map(NodeId, NodeId),
    Tuple(Vec<NodeId>),
    Struct(StructNode),
    Enum(EnumNode),
    /// The same type as this many structs and enums further up.
    Again(usize),
}

#[derive(Debug)]
pub(super) struct LeafNode {
    pub(super) leaf: Leaf,
    /// The sample to try next.
    pub(super) next: usize,
    /// A sample that was taken.
    pub(super) good: Option<usize>,
}

#[derive(Debug)]
pub(super) struct StructNode {
    pub(super) fields: Vec<FieldNode>,
    pub(super) plan: Plan,
    pub(super) exact: bool,
}

#[derive(Debug)]
pub(super) struct FieldNode {
    pub(super) name: &'static str,
    /// Where it is declared among its siblings.
    pub(super) position: usize,
    pub(super) node: NodeId,
    pub(super) aliases: Vec<&'static str>,
    pub(super) optional: bool,
    /// Whether it is given before the others, one of which is another name of it.
    pub(super) first: bool,
}

/// What is found out about a struct next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// What its fields hold, and which names are of one field.
    Explore,
    /// Whether this field may be absent.
    Omit(usize),
    /// Whether an unknown field is refused.
    AddUnknown,
    /// Nothing.
    Done,
}

#[derive(Debug)]
pub(super) struct EnumNode {
    pub(super) variants: Vec<VariantNode>,
    /// Whether an unknown variant is read; `None` if that is yet to be found out.
    pub(super) open: Option<bool>,
}

#[derive(Debug)]
pub(super) struct VariantNode {
    pub(super) name: &'static str,
    pub(super) content: Content,
    /// Whether no value of it can be made up.
    pub(super) refused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Unseen,
    Nothing,
    Node(NodeId),
}

impl Node {
    pub(super) const fn new(parent: Option<NodeId>) -> Self {
        Self {
            parent,
            identity: None,
            wrappers: Vec::new(),
            type_name: "",
            kind: Kind::Unseen,
            checked: false,
            refuses: false,
        }
    }
}

impl LeafNode {
    pub(super) const fn new(leaf: Leaf) -> Self {
        Self {
            leaf,
            next: 0,
            good: None,
        }
    }

    pub(super) const fn is_settled(&self) -> bool {
        let enough = match self.good {
            Some(_) => self.leaf.probes(),
            None => self.leaf.samples(),
        };
        self.next >= enough
    }

    /// The sample to show now.
    pub(super) fn sample(&self) -> usize {
        match self.good {
            Some(good) if self.is_settled() => good,
            _ => self.next.min(self.leaf.samples() - 1),
        }
    }
}
