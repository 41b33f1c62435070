//! Holds the UI cases; no code of its own. The examples of the macros' manual are tested here,
//! since `pgq-macros` cannot depend on `pgq`.

#[cfg(doctest)]
#[doc = include_str!("../../pgq-macros/docs/task.md")]
mod task {}

#[cfg(doctest)]
#[doc = include_str!("../../pgq-macros/docs/cron.md")]
mod cron {}
