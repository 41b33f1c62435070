//! Whether values of one shape can be read as another.

use std::collections::HashSet;

use super::edit::{Change, Edit};
use super::{Field, Shape, Variant};

/// See [`Shape::edits_since`].
pub(super) fn edits(new: &Shape, old: &Shape) -> Vec<Edit> {
    let mut compare = Compare {
        seen: HashSet::new(),
        edits: Vec::new(),
    };
    let place = Pair {
        new: At::top(new),
        old: At::top(old),
        path: String::new(),
    };
    compare.shapes(&place);
    compare.edits
}

/// A shape, and the structs and enums around it, the outermost first.
#[derive(Clone)]
struct At<'a> {
    shape: &'a Shape,
    around: Vec<&'a Shape>,
}

impl<'a> At<'a> {
    const fn top(shape: &'a Shape) -> Self {
        Self {
            shape,
            around: Vec::new(),
        }
    }

    fn part(&self, shape: &'a Shape) -> Self {
        let mut around = self.around.clone();
        if self.shape.encloses() {
            around.push(self.shape);
        }
        Self { shape, around }
    }

    /// The shape that this one stands for, if it is one around it.
    fn resolved(mut self) -> Self {
        if let Shape::Again(levels) = self.shape
            && let Some(index) = self.around.len().checked_sub(*levels)
            && let Some(shape) = self.around.get(index)
        {
            self.shape = shape;
            self.around.truncate(index);
        }
        self
    }
}

#[derive(Clone)]
struct Pair<'a> {
    new: At<'a>,
    old: At<'a>,
    path: String,
}

impl<'a> Pair<'a> {
    fn part(&self, new: &'a Shape, old: &'a Shape, path: String) -> Self {
        Self {
            new: self.new.part(new),
            old: self.old.part(old),
            path,
        }
    }

    fn below(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        }
    }
}

struct Compare {
    /// The pairs of structs and enums that have been begun, by their addresses: one that contains
    /// itself comes again.
    seen: HashSet<(*const Shape, *const Shape)>,
    edits: Vec<Edit>,
}

impl Compare {
    fn report(&mut self, path: impl Into<String>, change: Change) {
        self.edits.push(Edit {
            path: path.into(),
            change,
        });
    }

    fn shapes<'a>(&mut self, pair: &Pair<'a>) {
        let pair = &Pair {
            new: pair.new.clone().resolved(),
            old: pair.old.clone().resolved(),
            path: pair.path.clone(),
        };
        let (new, old) = (pair.new.shape, pair.old.shape);
        let part = |new: &'a Shape, old: &'a Shape| pair.part(new, old, pair.path.clone());
        match (new, old) {
            (Shape::Option(_), Shape::Unit) => {}
            (Shape::Any, old) if old.is_plain() => {}
            (Shape::Option(new), Shape::Option(old)) => self.shapes(&part(new, old)),
            (Shape::Option(new), _) => self.shapes(&part(new, old)),
            (Shape::Opaque(is), Shape::Opaque(was)) if is == was => {}
            (Shape::Opaque(_) | Shape::Any, _) | (_, Shape::Opaque(_) | Shape::Any) => {
                let (was, is) = (old.summary(), new.summary());
                self.report(&pair.path, Change::Opaque { was, is });
            }
            (_, Shape::Option(inner)) => {
                if self.reads(&part(new, inner)) {
                    self.report(&pair.path, Change::NotOptional);
                }
            }
            (
                Shape::Checked { shape: new, by },
                Shape::Checked {
                    shape: old,
                    by: old_by,
                },
            ) if by == old_by => self.shapes(&part(new, old)),
            (Shape::Checked { shape, by }, _) => {
                if self.reads(&part(shape, old)) {
                    let (was, by) = (old.summary(), by.clone());
                    self.report(&pair.path, Change::Checked { was, by });
                }
            }
            (_, Shape::Checked { shape, .. }) => self.shapes(&part(new, shape)),
            _ => self.parts(pair),
        }
    }

    /// Compares, and returns `true` if nothing was reported.
    fn reads(&mut self, pair: &Pair<'_>) -> bool {
        let before = self.edits.len();
        self.shapes(pair);
        self.edits.len() == before
    }

    fn parts(&mut self, pair: &Pair<'_>) {
        let (new, old) = (pair.new.shape, pair.old.shape);
        if new.encloses() && old.encloses() && !self.seen.insert((new, old)) {
            return;
        }
        let path = |part: &str| format!("{}[{part}]", pair.path);
        match (new, old) {
            (Shape::List(new), Shape::List(old)) => self.shapes(&pair.part(new, old, path(""))),
            (Shape::List(new), Shape::Tuple(elements)) => {
                for (index, old) in elements.iter().enumerate() {
                    self.shapes(&pair.part(new, old, path(&index.to_string())));
                }
            }
            (Shape::Tuple(new), Shape::Tuple(old)) if new.len() == old.len() => {
                for (index, (new, old)) in new.iter().zip(old).enumerate() {
                    self.shapes(&pair.part(new, old, path(&index.to_string())));
                }
            }
            (Shape::Tuple(new), Shape::Tuple(old)) => {
                let (was, is) = (old.len(), new.len());
                self.report(&pair.path, Change::Length { was, is });
            }
            (Shape::Map(key, value), Shape::Map(old_key, old_value)) => {
                self.shapes(&pair.part(key, old_key, path("key")));
                self.shapes(&pair.part(value, old_value, path("value")));
            }
            (Shape::Map(key, value), Shape::Struct { fields, .. }) if **key == Shape::Text => {
                for field in fields {
                    self.shapes(&pair.part(value, &field.shape, pair.below(&field.name)));
                }
            }
            (Shape::Struct { fields, exact }, Shape::Struct { fields: old, .. }) => {
                self.fields(pair, (fields, *exact), old);
            }
            (Shape::Enum { variants, open }, Shape::Enum { variants: old, .. }) => {
                self.variants(pair, (variants, *open), old);
            }
            (Shape::Text, Shape::Enum { variants, open }) if !open && are_names(variants) => {}
            _ => self.values(&pair.path, new, old),
        }
    }

    fn fields<'a>(&mut self, pair: &Pair<'a>, new: (&'a [Field], bool), old: &'a [Field]) {
        let (new, exact) = new;
        let parameter = pair.path.is_empty();
        let reader = |old: &Field| {
            let reads = |new: &&Field| new.name == old.name || new.aliases.contains(&old.name);
            new.iter().find(reads)
        };
        for field in new {
            let path = pair.below(&field.name);
            let mut stored = old
                .iter()
                .filter(|old| reader(old).is_some_and(|reader| reader.name == field.name));
            let Some(was) = stored.next() else {
                if !field.optional {
                    let gone = |old: &&Field| reader(old).is_none() && old.shape == field.shape;
                    let renamed = old.iter().find(gone).map(|old| old.name.clone());
                    self.report(path, Change::Added { renamed, parameter });
                }
                continue;
            };
            if was.optional && !field.optional {
                self.report(path.clone(), Change::Required { parameter });
            }
            if let Some(other) = stored.next() {
                let names = [&was.name, &other.name].map(Clone::clone);
                self.report(path.clone(), Change::Merged { names });
            }
            self.shapes(&pair.part(&field.shape, &was.shape, path));
        }
        for gone in old.iter().filter(|old| exact && reader(old).is_none()) {
            self.report(pair.below(&gone.name), Change::Refused);
        }
    }

    fn variants<'a>(&mut self, pair: &Pair<'a>, new: (&'a [Variant], bool), old: &'a [Variant]) {
        let (new, open) = new;
        for was in old {
            let path = format!("{}::{}", pair.path, was.name);
            let Some(variant) = new.iter().find(|new| new.name == was.name) else {
                // A variant that stands for all others holds nothing.
                if !open || was.content.is_some() {
                    self.report(path, Change::Variant);
                }
                continue;
            };
            match (&variant.content, &was.content) {
                (None, None) => {}
                (Some(new), Some(old)) => self.shapes(&pair.part(new, old, path)),
                (None, Some(_)) => self.report(path, Change::Content { held: true }),
                (Some(_), None) => self.report(path, Change::Content { held: false }),
            }
        }
    }

    fn values(&mut self, path: &str, new: &Shape, old: &Shape) {
        if new == old || matches!((new, old), (Shape::Text, Shape::Char)) {
            return;
        }
        let (was, is) = (old.summary(), new.summary());
        let change = match (number(new), number(old)) {
            (Some(new), Some(old)) => match fit(new, old) {
                Fit::All => return,
                Fit::Rounded => Change::Rounded { was, is },
                Fit::Some => Change::Narrowed { was, is },
                Fit::None => Change::Type { was, is },
            },
            _ => Change::Type { was, is },
        };
        self.report(path, change);
    }
}

/// Whether these variants are stored as their names alone.
fn are_names(variants: &[Variant]) -> bool {
    variants.iter().all(|variant| variant.content.is_none())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Integer { signed: bool, bits: u8 },
    Float { bits: u8 },
}

const fn number(shape: &Shape) -> Option<Number> {
    match *shape {
        Shape::Integer { signed, bits } => Some(Number::Integer { signed, bits }),
        Shape::Float(bits) => Some(Number::Float { bits }),
        _ => None,
    }
}

enum Fit {
    All,
    Some,
    Rounded,
    None,
}

fn fit(new: Number, old: Number) -> Fit {
    match (new, old) {
        _ if new == old => Fit::All,
        // Numbers of 128 bits are stored as bytes, but read from smaller numbers as well.
        (_, Number::Integer { bits: 128, .. }) | (Number::Integer { .. }, Number::Float { .. }) => {
            Fit::None
        }
        (
            Number::Integer { signed, bits },
            Number::Integer {
                signed: old_signed,
                bits: old_bits,
            },
        ) => {
            let room = match (signed, old_signed) {
                (true, false) => bits > old_bits,
                (false, true) => false,
                _ => bits >= old_bits,
            };
            if room { Fit::All } else { Fit::Some }
        }
        (Number::Float { bits }, Number::Integer { bits: old, .. }) => {
            let exact = if bits == 64 { 32 } else { 16 };
            if old <= exact { Fit::All } else { Fit::Rounded }
        }
        (Number::Float { bits }, Number::Float { bits: old }) if bits >= old => Fit::All,
        (Number::Float { .. }, Number::Float { .. }) => Fit::Rounded,
    }
}
