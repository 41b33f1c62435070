//! [`Host`]: who runs an attempt.

use std::fmt;
use std::sync::Arc;

use super::Batches;
use crate::driver::{Driver, WorkerId};
use crate::job::JobId;

/// What an attempt asks of who runs it.
pub(crate) trait Host: fmt::Debug + Send + Sync {
    /// The storage of its job.
    fn driver(&self) -> &Arc<dyn Driver>;

    /// Who holds its job.
    fn worker(&self) -> WorkerId;

    /// The largest result that is stored, in bytes.
    fn result_max(&self) -> usize;

    /// Where jobs are collected for calls of many; `None` if each is called alone.
    fn batches(&self) -> Option<&Batches>;

    /// From now on a commit may end the attempt in the storage while its task runs on.
    fn completing(&self, job: JobId, claim: i64);
}
