//! [`Stop`]: why a sample was not taken.

use std::fmt;

use serde::de;

/// The error of a deserializer that makes up its values.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) reason: Reason,
    /// Whether the place that is to blame has taken note.
    pub(super) blamed: bool,
}

/// What `Deserialize` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Missing(&'static str),
    Duplicate(&'static str),
    UnknownField,
    Other,
}

impl Stop {
    /// An error that is nobody else's to explain.
    pub(super) const BLAMED: Self = Self {
        reason: Reason::Other,
        blamed: true,
    };

    const fn because(reason: Reason) -> Self {
        Self {
            reason,
            blamed: false,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a made-up value was refused")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::because(Reason::Other)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::because(Reason::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::because(Reason::Duplicate(field))
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::because(Reason::UnknownField)
    }
}
