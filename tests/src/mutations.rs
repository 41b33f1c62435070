//! Mistakes that somebody could make in the engine, each with the tests that must notice it.
//!
//! The command `mutations` makes each of them in a copy of the repository and runs its tests there.
//! A test of the suite sees to it that each can still be made.

mod copy;
mod features;
mod health;
mod list;
mod suite;
mod tls;

pub use copy::Copy;
pub use features::FEATURES;
pub use health::HEALTH;
pub use list::MUTATIONS;
pub use suite::{Suite, Verdict};
pub use tls::TLS;

/// One mistake.
#[derive(Debug, Clone, Copy)]
pub struct Mutation {
    /// What is wrong then.
    pub name: &'static str,
    /// The file, from the root of the repository.
    pub file: &'static str,
    /// A text that occurs in it once.
    pub find: &'static str,
    /// What stands there instead.
    pub replace: &'static str,
    /// Tests of which at least one must fail: of the integration tests, or, after `pgq::`, of the
    /// unit tests of pgq.
    pub tests: &'static [&'static str],
}

impl Mutation {
    /// Makes the mistake in the text of its file; `None` if `find` does not occur exactly once.
    #[must_use]
    pub fn apply(&self, text: &str) -> Option<String> {
        (text.matches(self.find).count() == 1).then(|| text.replace(self.find, self.replace))
    }
}
