//! A database for each test.

pub use pgq::testing::{Database as TestDatabase, shared_cluster};
