//! Notices ready jobs that this binary cannot run, and says so once.

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
    named: HashSet<(String, Option<i64>)>,
}

impl UnknownTasks {
    /// Looks at a queue that had nothing to claim. Jobs of unknown tasks and of unknown input are
    /// left alone for a worker that knows them, so somebody should be told that they are there.
    pub(crate) async fn look(&mut self, hub: &Hub, queue: &Arc<str>) {
        let now = Instant::now();
        let recent = |then: &Instant| now.saturating_duration_since(*then) < LOOK_INTERVAL;
        if self.looked.get(queue).is_some_and(recent) {
            return;
        }
        self.looked.insert(Arc::clone(queue), now);
        let driver = &hub.setup.driver;
        if let Ok(Some(task)) = limited(driver.unknown_task(queue, &hub.tasks)).await
            && self.is_new(&task, None)
        {
            tracing::warn!(
                task,
                queue = &**queue,
                "a job waits whose task this binary does not have; it is left for another worker",
            );
        }
        let Some(known) = &hub.setup.fingerprints else {
            return;
        };
        if let Ok(Some((task, fingerprint))) =
            limited(driver.unknown_input(queue, &hub.tasks, known)).await
            && self.is_new(&task, Some(fingerprint))
        {
            tracing::warn!(
                task,
                queue = &**queue,
                fingerprint = format!("{fingerprint:016x}"),
                "a job waits whose input is not among the contracts of this binary; it is left for \
                 a worker whose lock file has its fingerprint",
            );
        }
    }

    /// Returns `true` the first time.
    fn is_new(&mut self, task: &str, fingerprint: Option<i64>) -> bool {
        self.named.insert((task.to_owned(), fingerprint))
    }
}
