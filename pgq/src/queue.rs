//! Names and numbers that users choose, and their limits.

use std::time::Duration;

/// The queue of a task that names none.
pub const DEFAULT_QUEUE: &str = "default";

/// The longest name of a queue or a task, in bytes.
pub const NAME_MAX: usize = 100;

/// The largest priority; the smallest is 0.
pub const PRIORITY_MAX: i16 = 9;

/// The most attempts that a task may ask for.
pub const ATTEMPTS_MAX: i16 = 1000;

/// The most tags of a task, and of a job.
pub const TAGS_MAX: usize = 16;

/// The most headers of a job.
pub const HEADERS_MAX: usize = 32;

/// The longest value of a header, in bytes.
pub const HEADER_VALUE_MAX: usize = 4096;

/// The highest limit on how many jobs run, or start in a time.
pub(crate) const LIMIT_MAX: u32 = 1_000_000;

/// The longest time that a job may be made to wait: a hundred years, which leaves room for the
/// database's calendar.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Why `name` cannot name a queue or a task; `None` if it can.
///
/// The macros check the same rule at compile time.
pub(crate) fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("must not be empty".to_owned());
    }
    if name.len() > NAME_MAX {
        return Some(format!(
            "must have at most {NAME_MAX} bytes, but has {}",
            name.len()
        ));
    }
    let allowed = |c: char| c.is_alphanumeric() || "_-.:/".contains(c);
    name.chars()
        .find(|&c| !allowed(c))
        .map(|c| format!("must consist of letters, digits and `_-.:/`, but contains {c:?}"))
}
