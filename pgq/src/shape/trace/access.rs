//! What a place gives to who asks for a sequence, map, struct or enum.

use super::node::{Content, EnumNode, Kind, NodeId, Plan, StructNode};
use super::place::Place;
use super::sample::{Name, Zero};
use super::{settled, stuck, unsettled_variant};
use crate::decode::{Choice, Elements, Entries, Fault, Given, Reason, Seed, Sink};

/// A name that no field and no variant has.
const UNKNOWN: &str = "\u{0}unknown";

/// The elements of a sequence.
pub(super) struct Each<'t> {
    place: Place<'t>,
    ids: std::vec::IntoIter<NodeId>,
}

impl<'t> Each<'t> {
    pub(super) fn new(place: Place<'t>, ids: Vec<NodeId>) -> Self {
        Self {
            place,
            ids: ids.into_iter(),
        }
    }
}

impl<'de> Elements<'de> for Each<'_> {
    fn next(&mut self, type_name: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        match self.ids.next() {
            Some(id) => self.place.trace.give(type_name, seed, id),
            None => Ok(()),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// The entry of a map, if it is to have one.
pub(super) struct Entry<'t> {
    place: Place<'t>,
    key: Option<NodeId>,
    value: Option<NodeId>,
}

impl<'t> Entry<'t> {
    pub(super) fn new(place: Place<'t>, entry: Option<(NodeId, NodeId)>) -> Self {
        let (key, value) = entry.unzip();
        Self { place, key, value }
    }
}

impl<'de> Entries<'de> for Entry<'_> {
    fn next_key(&mut self, type_name: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        match self.key.take() {
            Some(id) => self.place.trace.give(type_name, seed, id),
            None => Ok(()),
        }
    }

    fn next_value(
        &mut self,
        type_name: &'static str,
        seed: &mut dyn Seed<'de>,
    ) -> Result<(), Fault> {
        let value = self.value.take().ok_or_else(Fault::blamed)?;
        self.place.trace.give(type_name, seed, value)
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// The fields of a struct, as its plan says.
pub(super) struct Fields<'t> {
    place: Place<'t>,
    plan: Plan,
    given: std::vec::IntoIter<Option<usize>>,
    last: Option<usize>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(place: Place<'t>) -> Self {
        let nodes = place.trace.nodes.borrow();
        let (plan, given) = match &nodes[place.id].kind {
            Kind::Struct(node) => {
                // Those whose value cannot be made up end the run, so they come last.
                let mut order: Vec<(usize, bool, bool)> = (0..node.fields.len())
                    .map(|index| {
                        let id = node.fields[index].node;
                        (index, stuck(&nodes, id), settled(&nodes, id))
                    })
                    .collect();
                let explored = order.iter().all(|(.., settled)| *settled);
                order.sort_by_key(|&(index, stuck, settled)| {
                    (!node.fields[index].first, stuck, settled)
                });
                let given = order.iter().filter(|(index, stuck, _)| {
                    let all = node.plan == Plan::Explore && !explored;
                    all || (!stuck && node.plan != Plan::Omit(*index))
                });
                let given = given.map(|(index, ..)| Some(*index));
                let unknown = (node.plan == Plan::AddUnknown).then_some(None);
                (node.plan, unknown.into_iter().chain(given).collect())
            }
            _ => (Plan::Done, Vec::new()),
        };
        Self {
            place,
            plan,
            given: given.into_iter(),
            last: None,
        }
    }

    /// Learns from how the visit ended.
    pub(super) fn conclude(self, visited: Result<(), Fault>) -> Result<(), Fault> {
        let reason = match &visited {
            Ok(()) => None,
            Err(fault) if fault.is_blamed() => return visited,
            Err(fault) => Some(fault.reason()),
        };
        let mut nodes = self.place.trace.nodes.borrow_mut();
        let explored = match &nodes[self.place.id].kind {
            Kind::Struct(node) => node.fields.iter().all(|field| settled(&nodes, field.node)),
            _ => false,
        };
        let Kind::Struct(node) = &mut nodes[self.place.id].kind else {
            return visited;
        };
        let learned = match self.plan {
            Plan::Explore => match reason {
                Some(Reason::Duplicate(name)) => self.learn_alias(node, name),
                _ if explored => {
                    node.plan = after_field(node, 0);
                    true
                }
                _ => false,
            },
            Plan::Omit(index) => {
                node.fields[index].optional = is_optional(node, index, reason);
                node.plan = after_field(node, index + 1);
                true
            }
            Plan::AddUnknown => {
                node.exact = matches!(reason, Some(Reason::UnknownField(_)));
                node.plan = Plan::Done;
                true
            }
            // A required field whose value cannot be made up: its own place says so.
            Plan::Done if matches!(reason, Some(Reason::Missing(_))) => return Err(Fault::blamed()),
            Plan::Done => false,
        };
        drop(nodes);
        if learned {
            self.place.trace.learn();
            return visited.map_err(|_| Fault::blamed());
        }
        visited
    }

    /// The name that was given last is one of the field `name`.
    fn learn_alias(&self, node: &mut StructNode, name: &'static str) -> bool {
        let main = node.fields.iter().position(|field| field.name == name);
        let (Some(main), Some(last)) = (main, self.last) else {
            return false;
        };
        if main == last {
            // One that was given before is the other name; it shows when this one is given first.
            return !std::mem::replace(&mut node.fields[main].first, true);
        }
        let alias = node.fields[last].name;
        node.fields[main].aliases.push(alias);
        node.fields.remove(last);
        true
    }
}

/// The plan after the fields before `index` are known.
fn after_field(node: &StructNode, index: usize) -> Plan {
    match index < node.fields.len() {
        true => Plan::Omit(index),
        false => Plan::AddUnknown,
    }
}

/// What the absence of a field led to. Absent fields are reported in the order of the declaration,
/// so one that is reported before this one hides it: then it counts as required.
fn is_optional(node: &StructNode, index: usize, reason: Option<&Reason>) -> bool {
    match reason {
        None => true,
        Some(Reason::Missing(name)) => {
            let missing = node.fields.iter().find(|field| field.name == *name);
            missing.is_some_and(|missing| missing.position > node.fields[index].position)
        }
        Some(_) => false,
    }
}

impl<'de> Entries<'de> for Fields<'_> {
    fn next_key(&mut self, _: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let Some(given) = self.given.next() else {
            return Ok(());
        };
        self.last = given;
        let name = match given {
            None => UNKNOWN,
            Some(index) => self
                .place
                .trace
                .with(self.place.id, |node| match &node.kind {
                    Kind::Struct(node) => node.fields[index].name,
                    _ => UNKNOWN,
                }),
        };
        seed.plant(&mut Name(name))
    }

    fn next_value(
        &mut self,
        type_name: &'static str,
        seed: &mut dyn Seed<'de>,
    ) -> Result<(), Fault> {
        let Some(index) = self.last else {
            return seed.plant(&mut Zero);
        };
        let id = self
            .place
            .trace
            .with(self.place.id, |node| match &node.kind {
                Kind::Struct(node) => Some(node.fields[index].node),
                _ => None,
            });
        let id = id.ok_or_else(Fault::blamed)?;
        self.place.trace.give(type_name, seed, id)
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// One variant of an enum; `None` is one that it does not have.
pub(super) struct Variants<'t> {
    place: Place<'t>,
    variant: Option<(usize, &'static str)>,
}

impl<'t> Variants<'t> {
    /// The first variant that is not yet known, or else any.
    pub(super) fn choose(place: Place<'t>) -> Option<Self> {
        let nodes = place.trace.nodes.borrow();
        let Kind::Enum(node) = &nodes[place.id].kind else {
            return None;
        };
        let easy = |content| match content {
            Content::Nothing => true,
            Content::Node(id) => !stuck(&nodes, id),
            Content::Unseen => false,
        };
        let variant = match unsettled_variant(&nodes, node) {
            Some(variant) => Some(variant),
            None if node.open.is_none() => None,
            None => Some(
                node.variants
                    .iter()
                    .position(|variant| easy(variant.content))?,
            ),
        };
        Some(Self {
            place,
            variant: variant.map(|index| (index, node.variants[index].name)),
        })
    }

    pub(super) fn show(mut self, sink: &mut dyn Sink<'_>) -> Result<(), Fault> {
        let (place, variant) = (self.place, self.variant);
        let visited = sink.take(Given::Enum(&mut self));
        if matches!(&visited, Err(fault) if fault.is_blamed()) {
            return visited;
        }
        let refused = visited.is_err();
        change(place, |node| match variant {
            None => {
                node.open = Some(!refused);
                true
            }
            Some((index, _)) if refused => {
                !std::mem::replace(&mut node.variants[index].refused, true)
            }
            Some(_) => false,
        });
        visited.map_err(|_| Fault::blamed())
    }
}

/// Changes what is known of an enum.
fn change(place: Place<'_>, change: impl FnOnce(&mut EnumNode) -> bool) {
    let learned = place.trace.with(place.id, |node| match &mut node.kind {
        Kind::Enum(node) => change(node),
        _ => false,
    });
    if learned {
        place.trace.learn();
    }
}

impl<'t> Variants<'t> {
    /// The place of what the variant holds.
    fn content(&self) -> Result<Place<'t>, Fault> {
        let (index, _) = self.variant.ok_or_else(Fault::blamed)?;
        let known = self
            .place
            .trace
            .with(self.place.id, |node| match &node.kind {
                Kind::Enum(node) => node.variants[index].content,
                _ => Content::Unseen,
            });
        if let Content::Node(id) = known {
            return Ok(self.place.at(id));
        }
        let id = self.place.trace.add(self.place.id);
        change(self.place, |node| {
            node.variants[index].content = Content::Node(id);
            true
        });
        Ok(self.place.at(id))
    }
}

impl<'de> Choice<'de> for Variants<'_> {
    fn variant(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        seed.plant(&mut Name(self.variant.map_or(UNKNOWN, |(_, name)| name)))
    }

    fn unit(&mut self) -> Result<(), Fault> {
        if let Some((index, _)) = self.variant {
            change(self.place, |node| {
                let before = std::mem::replace(&mut node.variants[index].content, Content::Nothing);
                before != Content::Nothing
            });
        }
        Ok(())
    }

    fn newtype(&mut self, type_name: &'static str, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let content = self.content()?;
        content.trace.give(type_name, seed, content.id)
    }

    fn tuple(&mut self, length: usize, sink: &mut dyn Sink<'de>) -> Result<(), Fault> {
        let content = self.content()?;
        let given = content.tuple(length, sink);
        content.trace.judge(content.id, given)
    }

    fn structure(
        &mut self,
        fields: &'static [&'static str],
        sink: &mut dyn Sink<'de>,
    ) -> Result<(), Fault> {
        let content = self.content()?;
        let given = content.fields(fields, sink);
        content.trace.judge(content.id, given)
    }
}
