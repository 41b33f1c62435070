//! The worker: runs jobs, and says what becomes of them.
#![allow(dead_code, reason = "the loops that call these are not written yet")]

pub(crate) mod attempt;
pub(crate) mod decide;
