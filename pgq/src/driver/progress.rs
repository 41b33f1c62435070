//! How far attempts are.

use chrono::{DateTime, Utc};

/// What a running attempt reports of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProgress {
    /// How many parts are done.
    pub done: i64,
    /// Of how many.
    pub total: i64,
    /// What is being done. Without NUL.
    pub message: String,
}

/// What an attempt reported of itself last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many parts are done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
    /// What was being done.
    pub message: String,
    /// Which attempt it was, from 1.
    pub attempt: i16,
    /// When it was written, by the database's clock.
    pub updated_at: DateTime<Utc>,
}
