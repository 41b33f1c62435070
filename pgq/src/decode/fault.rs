//! [`Fault`]: why a value could not be read.

use std::fmt;

use serde::de::{Error, Expected, Unexpected, value};

/// The error of every source. It is as small as can be, because results that hold it are passed on at
/// every step.
#[derive(Debug)]
pub(crate) struct Fault(Box<Reason>);

/// What `Deserialize` says, as far as anybody tells it apart.
#[derive(Debug, PartialEq)]
pub(crate) enum Reason {
    Type(Found, String),
    Value(Found, String),
    Missing(&'static str),
    Duplicate(&'static str),
    UnknownField(String),
    Other(String),
    /// Nobody else's to explain: whoever is to blame has taken note.
    Blamed,
}

/// What was there. Two things are called by other names in some formats.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    Unit,
    Float(f64),
    Other(String),
}

impl Fault {
    pub(crate) fn because(reason: Reason) -> Self {
        Self(Box::new(reason))
    }

    pub(crate) fn blamed() -> Self {
        Self::because(Reason::Blamed)
    }

    pub(crate) fn is_blamed(&self) -> bool {
        *self.0 == Reason::Blamed
    }

    pub(crate) fn reason(&self) -> &Reason {
        &self.0
    }

    /// The error of a format.
    #[cold]
    pub(crate) fn of(error: impl fmt::Display) -> Self {
        Self::because(Reason::Other(error.to_string()))
    }

    /// The error of who asked once more for what it had been given.
    #[cold]
    pub(super) fn spent() -> Self {
        Self::of("a value was asked for twice")
    }

    /// The error of who was not shown anything.
    #[cold]
    pub(super) fn nothing() -> Self {
        Self::of("there is no value")
    }

    /// As the error of a format, in its words.
    #[cold]
    pub(super) fn into_error<E: Error>(self) -> E {
        match *self.0 {
            Reason::Type(found, expected) => {
                E::invalid_type(found.as_unexpected(), &expected.as_str())
            }
            Reason::Value(found, expected) => {
                E::invalid_value(found.as_unexpected(), &expected.as_str())
            }
            Reason::Missing(field) => E::missing_field(field),
            Reason::Duplicate(field) => E::duplicate_field(field),
            Reason::UnknownField(message) | Reason::Other(message) => E::custom(message),
            Reason::Blamed => E::custom(self),
        }
    }
}

impl Found {
    fn new(unexpected: Unexpected<'_>) -> Self {
        match unexpected {
            Unexpected::Unit => Self::Unit,
            Unexpected::Float(number) => Self::Float(number),
            other => Self::Other(other.to_string()),
        }
    }

    fn as_unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Unit => Unexpected::Unit,
            Self::Float(number) => Unexpected::Float(*number),
            Self::Other(name) => Unexpected::Other(name),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Reason::Type(found, expected) => {
                let found = found.as_unexpected();
                write!(f, "invalid type: {found}, expected {expected}")
            }
            Reason::Value(found, expected) => {
                let found = found.as_unexpected();
                write!(f, "invalid value: {found}, expected {expected}")
            }
            Reason::Missing(field) => write!(f, "missing field `{field}`"),
            Reason::Duplicate(field) => write!(f, "duplicate field `{field}`"),
            Reason::UnknownField(message) | Reason::Other(message) => f.write_str(message),
            Reason::Blamed => f.write_str("a made-up value was refused"),
        }
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(message)
    }

    #[cold]
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = Found::new(unexpected);
        Self::because(Reason::Type(found, expected.to_string()))
    }

    #[cold]
    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = Found::new(unexpected);
        Self::because(Reason::Value(found, expected.to_string()))
    }

    #[cold]
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let message = value::Error::unknown_field(field, expected).to_string();
        Self::because(Reason::UnknownField(message))
    }

    #[cold]
    fn missing_field(field: &'static str) -> Self {
        Self::because(Reason::Missing(field))
    }

    #[cold]
    fn duplicate_field(field: &'static str) -> Self {
        Self::because(Reason::Duplicate(field))
    }
}
