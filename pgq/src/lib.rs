//! Background jobs and schedules on PostgreSQL.

#[cfg(feature = "embedded")]
pub mod embedded;
