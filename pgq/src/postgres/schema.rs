//! [`Schema`].

use std::fmt;
use std::sync::Arc;

use crate::driver::{DriverError, DriverErrorKind};

/// The schema of pgq unless another one is set. Not `pgq`, which an older extension uses.
pub const DEFAULT_SCHEMA: &str = "pgq_jobs";

/// The longest name of a schema, in bytes: PostgreSQL's limit of a name.
const SCHEMA_MAX: usize = 63;

/// The name of the schema that holds pgq's tables, which is also its notification channel.
///
/// A lowercase letter or `_`, then lowercase letters, digits and `_`, 63 bytes at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema(Arc<str>);

impl Schema {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// Fails with [`DriverErrorKind::Rejected`] if the name is not allowed.
    pub fn new(name: &str) -> Result<Self, DriverError> {
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if starts && name.chars().all(allowed) && name.len() <= SCHEMA_MAX {
            return Ok(Self(name.into()));
        }
        let problem = format!("`{name}` cannot be the name of pgq's schema");
        Err(DriverError::new(DriverErrorKind::Rejected, problem).with_advice(format!(
            "use lowercase letters, digits and `_`, not a digit first, {SCHEMA_MAX} bytes at most"
        )))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self(DEFAULT_SCHEMA.into())
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
