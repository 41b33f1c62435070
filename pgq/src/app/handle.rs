//! [`WorkerHandle`].

use std::fmt;
use std::sync::Arc;

use super::config::Queue;
use crate::error::Result;
use crate::task::{Problem, Problems};
use crate::worker::StopSignal;
use crate::worker::queues::QueueChanges;

/// Tells a worker of this process what to do while it runs; made by [`Run::handle`](crate::Run::handle).
///
/// Its clones are the same handle. It may outlive its worker, and then does nothing.
///
/// ```no_run
/// # async fn example() -> pgq::Result<()> {
/// let run = pgq::run();
/// let worker = run.handle();
/// let running = tokio::spawn(run.into_future());
/// worker.add_queue(pgq::Queue::new("images").concurrency(2))?;
/// worker.drain();
/// running.await.expect("the worker does not panic")
/// # }
/// ```
#[derive(Clone, Default)]
pub struct WorkerHandle {
    pub(super) stop: StopSignal,
    pub(super) queues: Arc<QueueChanges>,
}

impl WorkerHandle {
    /// Lets the worker claim nothing more, give back what it has not started, wait for what runs
    /// until the [deadline](crate::Run::drain_deadline), and end. What a first signal does.
    pub fn drain(&self) {
        self.stop.drain.cancel();
    }

    /// Lets the worker end at once: what runs is cancelled and given back. What a second signal does.
    pub fn stop(&self) {
        self.stop.drain.cancel();
        self.stop.now.cancel();
    }

    /// Whether the worker claims nothing more: it was told to drain or to stop, by whatever, or its storage does not
    /// [admit](crate::driver::Directives::is_outdated) it any more.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.stop.drain.is_cancelled()
    }

    /// Serves this queue from now on, a name or a [`Queue`] with limits. One that is served already
    /// gets these limits.
    ///
    /// # Errors
    ///
    /// Fails if something is wrong with the name or the limits.
    pub fn add_queue(&self, queue: impl Into<Queue>) -> Result<()> {
        let queue = queue.into();
        if let Some(problem) = queue.problem() {
            let setting = "queue".to_owned();
            let problem = Problem::InvalidSetting { setting, problem };
            return Err(Problems::from(problem).into());
        }
        self.queues.add(queue.config());
        Ok(())
    }

    /// Serves this queue no more. Its jobs that run here end as they would; those that wait here go
    /// back.
    pub fn remove_queue(&self, queue: &str) {
        self.queues.remove(queue);
    }
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle")
            .field("is_draining", &self.is_draining())
            .finish_non_exhaustive()
    }
}
