//! Shapes as text: one field or variant a line, so that a change of one is a change of one line.

use std::fmt::{self, Write};

use super::{Field, Shape, Variant};

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Shape {
    /// Writes the shape; the lines after the first are indented by `depth` steps.
    pub(crate) fn write(&self, out: &mut impl Write, depth: usize) -> fmt::Result {
        match self {
            Self::Unit => out.write_str("unit"),
            Self::Bool => out.write_str("bool"),
            Self::Integer { signed: true, bits } => write!(out, "i{bits}"),
            Self::Integer { bits, .. } => write!(out, "u{bits}"),
            Self::Float(bits) => write!(out, "f{bits}"),
            Self::Char => out.write_str("char"),
            Self::Text => out.write_str("text"),
            Self::Bytes => out.write_str("bytes"),
            Self::Any => out.write_str("any"),
            Self::Option(inner) => {
                inner.write(out, depth)?;
                out.write_str("?")
            }
            Self::List(element) => {
                out.write_str("[")?;
                element.write(out, depth)?;
                out.write_str("]")
            }
            Self::Map(key, value) => {
                out.write_str("map(")?;
                key.write(out, depth)?;
                out.write_str(", ")?;
                value.write(out, depth)?;
                out.write_str(")")
            }
            Self::Tuple(elements) => write_tuple(elements, out, depth),
            Self::Struct { fields, exact } => {
                out.write_str(if *exact { "exact {" } else { "{" })?;
                for field in fields {
                    line(out, depth + 1)?;
                    write_field(field, out, depth + 1)?;
                }
                close(out, depth, fields.is_empty())
            }
            Self::Enum { variants, open } => {
                out.write_str(if *open { "open enum {" } else { "enum {" })?;
                for variant in variants {
                    line(out, depth + 1)?;
                    write_variant(variant, out, depth + 1)?;
                }
                close(out, depth, variants.is_empty())
            }
            Self::Again(levels) => write!(out, "again {levels}"),
            Self::Checked { shape, by } => {
                shape.write(out, depth)?;
                write!(out, " as {by}")
            }
            Self::Opaque(name) => {
                out.write_str("opaque ")?;
                write_name(name, out)
            }
        }
    }

    /// The shape in a few words, for a sentence.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Struct { .. } => "a struct".to_owned(),
            Self::Enum { .. } => "an enum".to_owned(),
            Self::Again(_) => "the type around it".to_owned(),
            Self::Option(inner) => format!("{}?", inner.summary()),
            Self::List(element) => format!("[{}]", element.summary()),
            Self::Map(key, value) => format!("map({}, {})", key.summary(), value.summary()),
            Self::Checked { shape, by } => format!("{} as {by}", shape.summary()),
            Self::Tuple(elements) => format!("a sequence of {}", elements.len()),
            plain => plain.to_string(),
        }
    }
}

fn write_tuple(elements: &[Shape], out: &mut impl Write, depth: usize) -> fmt::Result {
    if let [first, _, ..] = elements
        && elements.iter().all(|element| element == first)
    {
        out.write_str("[")?;
        first.write(out, depth)?;
        return write!(out, "; {}]", elements.len());
    }
    out.write_str("(")?;
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        element.write(out, depth)?;
    }
    out.write_str(")")
}

fn write_field(field: &Field, out: &mut impl Write, depth: usize) -> fmt::Result {
    write_name(&field.name, out)?;
    for alias in &field.aliases {
        out.write_str(" | ")?;
        write_name(alias, out)?;
    }
    out.write_str(if field.optional { "?: " } else { ": " })?;
    field.shape.write(out, depth)
}

fn write_variant(variant: &Variant, out: &mut impl Write, depth: usize) -> fmt::Result {
    write_name(&variant.name, out)?;
    let Some(content) = &variant.content else {
        return Ok(());
    };
    out.write_str(": ")?;
    content.write(out, depth)
}

fn close(out: &mut impl Write, depth: usize, is_empty: bool) -> fmt::Result {
    if !is_empty {
        line(out, depth)?;
    }
    out.write_str("}")
}

fn line(out: &mut impl Write, depth: usize) -> fmt::Result {
    write!(out, "\n{:width$}", "", width = depth * 2)
}

/// Writes a name, in quotes unless it is a plain word.
fn write_name(name: &str, out: &mut impl Write) -> fmt::Result {
    let mut chars = name.chars();
    let is_plain = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_');
    match is_plain {
        true => out.write_str(name),
        false => write!(out, "{name:?}"),
    }
}
