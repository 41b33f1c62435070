//! What others can see and tell of an attempt.

use super::Cancel;
use super::pulse::Pulse;

/// Apart from the attempt, so that who watches it keeps nothing else of it.
#[derive(Debug, Default)]
pub(crate) struct Vital {
    /// Tells it to end.
    pub(crate) cancel: Cancel,
    /// Tells others how it does.
    pub(crate) pulse: Pulse,
}
