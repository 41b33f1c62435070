//! Fixtures of the integration tests.

pub mod database;
