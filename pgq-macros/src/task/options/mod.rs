//! The options that have keys, a file each: what they are, how they are checked, and their code.

use std::ops::RangeInclusive;

pub(super) mod backoff;
pub(super) mod batch;
pub(super) mod concurrency;
pub(super) mod durability;
pub(super) mod rate;
pub(super) mod retain;
pub(super) mod unique;

/// How high a limit may be, as in the library.
const LIMIT: RangeInclusive<u32> = 1..=1_000_000;
