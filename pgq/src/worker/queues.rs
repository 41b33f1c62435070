//! Which queues a worker serves, where that changes while it runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::config::QueueConfig;

/// What was changed about the queues that a worker was started with, by their names.
#[derive(Debug, Default)]
pub(crate) struct QueueChanges {
    changes: Mutex<Changes>,
    /// There is something new.
    pub(crate) changed: Notify,
}

/// A queue that is served, or `None` if it is not any more.
pub(crate) type Changes = BTreeMap<String, Option<QueueConfig>>;

impl QueueChanges {
    pub(crate) fn add(&self, queue: QueueConfig) {
        self.lock().insert(queue.name.to_string(), Some(queue));
        self.changed.notify_one();
    }

    pub(crate) fn remove(&self, queue: &str) {
        self.lock().insert(queue.to_owned(), None);
        self.changed.notify_one();
    }

    /// The worker does not serve that queue any more, and would not if it started again.
    pub(crate) fn forget_removed(&self, queue: &str) {
        let mut changes = self.lock();
        if let Some(None) = changes.get(queue) {
            changes.remove(queue);
        }
    }

    /// The last change of each queue.
    pub(crate) fn all(&self) -> Changes {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
