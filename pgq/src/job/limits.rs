//! How large inputs may be, and which of them are kept apart.

/// The largest input or result that can be stored, whatever the settings say, in bytes: 64 MiB.
pub const INPUT_MAX: usize = 64 * 1024 * 1024;

/// The largest input that is kept in the row of its job, in bytes.
///
/// A row moves with each change of state. With an input up to this size, and the longest names, it
/// stays below the 2 KB from which PostgreSQL would compress it and store parts of it elsewhere, at
/// each move.
pub const INPUT_INLINE_MAX: usize = 1536;

/// The format byte of what stands in a job's row for an input that is kept apart. No value begins
/// with it.
#[cfg(any(feature = "postgres", feature = "testing"))]
pub(crate) const KEPT_APART: u8 = 0xff;

/// Whether a storage keeps this input apart from the row of its job. One that looks as if it were
/// what stands for another is, whatever its size.
#[cfg(any(feature = "postgres", feature = "testing"))]
pub(crate) fn is_kept_apart(input: &[u8]) -> bool {
    input.len() > INPUT_INLINE_MAX || input.first() == Some(&KEPT_APART)
}
