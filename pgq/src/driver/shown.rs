//! How requests and what they return are shown: with the sizes of inputs, which may hold secrets.

use std::fmt;

use super::{ClaimedInput, Enqueue, HeldInput, NewJob};

/// Stands for bytes in a debug output.
pub(crate) struct Size(usize);

impl Size {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes.len())
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl fmt::Debug for Enqueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue")
            .field("task", &self.task)
            .field("queue", &self.queue)
            .field("priority", &self.priority)
            .field("max_attempts", &self.max_attempts)
            .field("fingerprint", &self.fingerprint)
            .field("start", &self.start)
            .field("jobs", &self.jobs)
            .finish()
    }
}

impl fmt::Debug for NewJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("input", &Size::of(&self.input))
            .field("detail", &self.detail)
            .field("key", &self.key)
            .finish()
    }
}

impl fmt::Debug for ClaimedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(input) => f.debug_tuple("Here").field(&Size::of(input)).finish(),
            Self::Apart { bytes } => f.debug_tuple("Apart").field(&Size(*bytes)).finish(),
        }
    }
}

impl fmt::Debug for HeldInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldInput")
            .field("job", &self.job)
            .field("input", &self.input.as_deref().map(Size::of))
            .finish()
    }
}
