#![doc = include_str!("contract.md")]
#![allow(clippy::test_attr_in_doctest, reason = "the test is what is shown")]

mod check;
mod error;
mod lock;
mod queued;
mod review;

pub use self::check::{Mode, Outcome, check, check_registry};
pub use self::error::{Error, Finding};
pub use self::lock::Lock;
pub use self::queued::{Unreadable, UnreadableJobs, unreadable};
pub use crate::shape::{Edit, Field, Shape, Variant};
use crate::task::Task;

/// The fingerprint that jobs of `T` carry: a number that is the same for the same input of the same
/// task, whatever the compiler and the platform.
#[must_use]
pub fn fingerprint<T: Task>() -> i64 {
    crate::task::fingerprint::<T>()
}
