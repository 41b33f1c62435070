//! How values are written and read.

pub(crate) mod duration;
pub(crate) mod json;
pub(crate) mod rate;
pub(crate) mod time;

pub(crate) use self::json::Json;
pub(crate) use self::time::Time;

/// What stands for nothing where an option can take something away.
pub(crate) const NONE: &str = "none";

/// A value, or `none`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Or<T> {
    None,
    Some(T),
}

impl<T> Or<T> {
    pub(crate) fn into_option(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }

    /// Reads `none`, or what `read` does.
    pub(crate) fn read(
        text: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Self, String> {
        match text {
            NONE => Ok(Self::None),
            text => read(text).map(Self::Some),
        }
    }
}

/// What stands in a cell for nothing.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
