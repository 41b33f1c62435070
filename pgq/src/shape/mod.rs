//! [`Shape`]: what stored values of a type look like.
//!
//! Pure: a shape is found by driving `Deserialize` ([`trace()`]), is written and read as text, and is
//! compared with the shape that stored values were written by ([`Shape::edits_since`]).

mod compare;
mod edit;
mod parse;
mod print;
mod trace;

pub use self::edit::Edit;
pub(crate) use self::parse::{ParseError, Tokens};
pub(crate) use self::trace::{trace, trace_type};

/// What stored values of a type look like, as far as that can be seen from outside.
///
/// Names of structs and enums are not part of it, because they are not stored. Fields and variants
/// are in the order of their names, because their order is not stored either.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// `()`.
    Unit,
    /// `bool`.
    Bool,
    /// An integer.
    Integer {
        /// Whether it may be negative.
        signed: bool,
        /// 8, 16, 32, 64 or 128; `usize` has 64.
        bits: u8,
    },
    /// `f32` or `f64`, by its bits.
    Float(u8),
    /// `char`.
    Char,
    /// `String`.
    Text,
    /// Bytes that are stored as they are, as by `serde_bytes`.
    Bytes,
    /// A value of any shape, such as `serde_json::Value`.
    Any,
    /// An `Option`.
    Option(Box<Self>),
    /// A sequence of any length.
    List(Box<Self>),
    /// Values by key.
    Map(Box<Self>, Box<Self>),
    /// A sequence of this length; a unit struct has none.
    Tuple(Vec<Self>),
    /// A struct, or the parameters of a task.
    Struct {
        /// The fields.
        fields: Vec<Field>,
        /// Whether other fields are refused.
        exact: bool,
    },
    /// An enum whose variants are stored by name.
    Enum {
        /// The variants.
        variants: Vec<Variant>,
        /// Whether variants of other names are read as well.
        open: bool,
    },
    /// The struct or enum around it, this many of them up; 1 is the nearest.
    Again(usize),
    /// Values of a shape of which code refuses some: which ones cannot be seen.
    Checked {
        /// The shape.
        shape: Box<Self>,
        /// The name of the type whose code it is.
        by: String,
    },
    /// What cannot be seen, by the name of its type: untagged and internally tagged enums, structs
    /// with flattened fields, and some `Deserialize` that is written by hand.
    Opaque(String),
}

/// A field of a struct, or a parameter of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name it is stored by.
    pub name: String,
    /// Other names it is read by.
    pub aliases: Vec<String>,
    /// Whether it may be absent.
    pub optional: bool,
    /// What it holds.
    pub shape: Shape,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The name it is stored by.
    pub name: String,
    /// What it holds; `None` if nothing.
    pub content: Option<Shape>,
}

impl Shape {
    /// The shape of parameters, in any order. Used by generated code.
    #[must_use]
    pub fn parameters(parameters: impl Into<Vec<Field>>) -> Self {
        Self::of_fields(parameters.into())
    }

    fn of_fields(mut fields: Vec<Field>) -> Self {
        fields.sort_by(|one, other| one.name.cmp(&other.name));
        Self::Struct {
            fields,
            exact: false,
        }
    }

    /// What has been edited since `old` so that values that were stored as `old` cannot all be read
    /// as this shape. Empty if they can.
    ///
    /// `self` is the input of a task: if it has fields, they are parameters.
    #[must_use]
    pub fn edits_since(&self, old: &Self) -> Vec<Edit> {
        compare::edits(self, old)
    }

    /// A number that is the same for the same shape of the input of the same task, whatever the
    /// compiler and the platform. So the names of types are left out of it, which compilers do not
    /// promise to keep.
    pub(crate) fn fingerprint(&self, task: &str) -> i64 {
        let mut unnamed = self.clone();
        unnamed.forget_types();
        fnv1a(&format!("{task}\n{unnamed}")).cast_signed()
    }

    /// Takes the names of types out of the shape.
    fn forget_types(&mut self) {
        match self {
            Self::Opaque(name) => name.clear(),
            Self::Checked { shape, by } => {
                shape.forget_types();
                by.clear();
            }
            Self::Option(inner) | Self::List(inner) => inner.forget_types(),
            Self::Map(key, value) => {
                key.forget_types();
                value.forget_types();
            }
            Self::Tuple(elements) => elements.iter_mut().for_each(Self::forget_types),
            Self::Struct { fields, .. } => {
                let shapes = fields.iter_mut().map(|field| &mut field.shape);
                shapes.for_each(Self::forget_types);
            }
            Self::Enum { variants, .. } => {
                let contents = variants.iter_mut().flat_map(|variant| &mut variant.content);
                contents.for_each(Self::forget_types);
            }
            Self::Unit
            | Self::Bool
            | Self::Integer { .. }
            | Self::Float(_)
            | Self::Char
            | Self::Text
            | Self::Bytes
            | Self::Any
            | Self::Again(_) => {}
        }
    }

    /// Whether a type that takes any value, such as `serde_json::Value`, takes every one of this
    /// shape. Those know the values of JSON only: no bytes, no number of 128 bits, and no keys but
    /// text.
    fn is_plain(&self) -> bool {
        match self {
            Self::Unit
            | Self::Bool
            | Self::Float(_)
            | Self::Char
            | Self::Text
            | Self::Any
            | Self::Again(_) => true,
            Self::Integer { bits, .. } => *bits <= 64,
            Self::Bytes | Self::Opaque(_) => false,
            Self::Option(part) | Self::List(part) | Self::Checked { shape: part, .. } => {
                part.is_plain()
            }
            Self::Map(key, value) => key.is_text() && value.is_plain(),
            Self::Tuple(parts) => parts.iter().all(Self::is_plain),
            Self::Struct { fields, .. } => fields.iter().all(|field| field.shape.is_plain()),
            Self::Enum { variants, .. } => variants
                .iter()
                .filter_map(|variant| variant.content.as_ref())
                .all(Self::is_plain),
        }
    }

    /// Whether values of this shape are stored as text.
    fn is_text(&self) -> bool {
        match self {
            Self::Text | Self::Char => true,
            Self::Checked { shape, .. } => shape.is_text(),
            Self::Enum { variants, .. } => variants.iter().all(|variant| variant.content.is_none()),
            _ => false,
        }
    }

    /// Whether values of this shape may contain one of itself.
    const fn encloses(&self) -> bool {
        matches!(self, Self::Struct { .. } | Self::Enum { .. })
    }
}

fn fnv1a(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    text.bytes().fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::{Field, Shape, Tokens, Variant, fnv1a};

    /// A shape with every kind of part.
    fn every_part() -> Shape {
        let field = |name: &str, optional, shape| Field {
            name: name.to_owned(),
            aliases: vec!["b c".to_owned(), "d".to_owned()],
            optional,
            shape,
        };
        let integer = |signed, bits| Shape::Integer { signed, bits };
        let plain = [
            Shape::Unit,
            Shape::Bool,
            integer(true, 128),
            integer(false, 8),
            Shape::Float(32),
            Shape::Float(64),
            Shape::Char,
            Shape::Text,
            Shape::Bytes,
            Shape::Any,
            Shape::Again(2),
            Shape::Opaque("Either".to_owned()),
            Shape::Tuple(Vec::new()),
            Shape::Tuple(vec![Shape::Text]),
            Shape::Tuple(vec![Shape::Bool; 3]),
        ];
        let checked = |shape| Shape::Checked {
            shape: Box::new(shape),
            by: "Url".to_owned(),
        };
        let option = |shape| Shape::Option(Box::new(shape));
        let variant = |name: &str, content| Variant {
            name: name.to_owned(),
            content,
        };
        let map = Shape::Map(
            Box::new(Shape::Text),
            Box::new(Shape::Tuple(plain.to_vec())),
        );
        let variants = |open| Shape::Enum {
            variants: vec![
                variant("\u{0}\"\n#", None),
                variant("as", Some(option(checked(map.clone())))),
                variant("ä", Some(checked(option(option(Shape::Text))))),
            ],
            open,
        };
        let fields = vec![
            field("a", true, Shape::List(Box::new(variants(true)))),
            field("b-1", false, variants(false)),
        ];
        Shape::Struct {
            fields: vec![
                field("empty", false, Shape::parameters([])),
                field(
                    "full",
                    true,
                    Shape::Struct {
                        fields,
                        exact: true,
                    },
                ),
            ],
            exact: false,
        }
    }

    #[test]
    fn every_shape_is_read_as_it_was_written() {
        let shape = every_part();
        let text = shape.to_string();

        let mut tokens = Tokens::new(&text);
        let read = tokens.shape();

        assert_eq!(read, Ok(shape), "{text}");
        assert!(tokens.is_at_end(), "{text}");
    }

    #[test]
    fn whatever_is_cut_out_of_a_text_nothing_panics() {
        let text = every_part().to_string();
        for start in (0..text.len()).filter(|&index| text.is_char_boundary(index)) {
            for length in [1, 7, 60] {
                let end = text.ceil_char_boundary((start + length).min(text.len()));
                let cut = format!("{}{}", &text[..start], &text[end..]);
                let _ = Tokens::new(&cut).shape();
            }
        }
        assert!(Tokens::new(&"[".repeat(100_000)).shape().is_err());
    }

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_fingerprint_does_not_depend_on_the_names_of_types() {
        let named = |name: &str| {
            let mut shape = every_part();
            rename(&mut shape, name);
            shape
        };
        let (one, other) = (named("Url"), named("Address"));
        assert_ne!(one, other);
        assert_eq!(one.fingerprint("send"), other.fingerprint("send"));

        let checked = Shape::Checked {
            shape: Box::new(Shape::Text),
            by: "Url".to_owned(),
        };
        assert_ne!(checked.fingerprint("send"), Shape::Text.fingerprint("send"));
    }

    /// Gives the types that the parts of [`every_part`] name another name.
    fn rename(shape: &mut Shape, name: &str) {
        let renamed = shape
            .to_string()
            .replace("Url", name)
            .replace("Either", name);
        *shape = Tokens::new(&renamed).shape().unwrap();
    }

    #[test]
    fn a_fingerprint_is_of_the_task_and_the_shape() {
        // Rows carry it: a release must not change it.
        assert_eq!(
            Shape::Text.fingerprint("send"),
            fnv1a("send\ntext").cast_signed()
        );
        assert_ne!(
            Shape::Text.fingerprint("send"),
            Shape::Text.fingerprint("print")
        );
    }
}
