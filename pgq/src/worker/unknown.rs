//! Notices ready jobs that no task of this binary can run, and says so once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hub::{Hub, limited};

/// How long to wait before the same queue is looked at again.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// What has been looked at and said.
#[derive(Debug, Default)]
pub(crate) struct UnknownTasks {
    looked: HashMap<Arc<str>, Instant>,
    named: HashSet<String>,
}

impl UnknownTasks {
    /// Looks at a queue that had nothing to claim. Jobs of unknown tasks are left alone for a
    /// worker that knows them, so somebody should be told that they are there.
    pub(crate) async fn look(&mut self, hub: &Hub, queue: &Arc<str>) {
        let now = Instant::now();
        let recent = |then: &Instant| now.saturating_duration_since(*then) < LOOK_INTERVAL;
        if self.looked.get(queue).is_some_and(recent) {
            return;
        }
        self.looked.insert(Arc::clone(queue), now);
        let Ok(Some(task)) = limited(hub.setup.driver.unknown_task(queue, &hub.tasks)).await else {
            return;
        };
        if !self.named.contains(&task) {
            tracing::warn!(
                task,
                queue = &**queue,
                "a job waits whose task this binary does not have; it is left for another worker",
            );
            self.named.insert(task);
        }
    }
}
