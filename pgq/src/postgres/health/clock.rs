//! The wall clock of this process, which nothing but a finding is made of.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in microseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
