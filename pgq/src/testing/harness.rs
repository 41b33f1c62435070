//! [`Harness`].

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Report;
use super::inline::{Inline, Storage};
use crate::client::{Enqueuer, Reader};
use crate::driver::{Driver, DriverError, Enqueue, KeyedJobs};
use crate::job::JobId;
use crate::memory::{ManualClock, MemoryDriver};
use crate::task::Registry;

/// Takes the place of the database and of the workers in tests of tasks.
///
/// Jobs are enqueued and looked at through `&Harness`. They run when [`run_due`](Self::run_due) is
/// called, and only then. Each harness is a storage of its own.
#[derive(Debug)]
pub struct Harness {
    pub(super) storage: MemoryDriver,
    clock: ManualClock,
    pub(super) tasks: Inline,
}

impl Harness {
    /// Makes a harness with every task that is linked into this binary.
    #[must_use]
    pub fn new() -> Self {
        Self::with_registry(Registry::linked())
    }

    /// Makes a harness with the tasks of `registry`.
    #[must_use]
    pub fn with_registry(registry: Registry) -> Self {
        let clock = ManualClock::default();
        Self {
            storage: MemoryDriver::with_clock(clock.clone()),
            clock,
            tasks: Inline::new(registry),
        }
    }

    /// Gives tasks the value that they take as `&T`, in the place of an earlier one of its type.
    ///
    /// Only the tasks that run need their values.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.tasks.give(value);
        self
    }

    /// The clock, which stands at the time at which the harness was made until it is moved.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The storage, with every job in it.
    #[must_use]
    pub fn storage(&self) -> &MemoryDriver {
        &self.storage
    }

    /// Moves the clock forward. Runs nothing: see [`run_due`](Self::run_due).
    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Runs every job that is due, one after another, until nothing is due.
    ///
    /// Of all queues the job of the highest priority runs first, then the one that is ready for
    /// longest. Jobs that running jobs enqueue count too, and so do attempts whose delay is zero.
    /// The clock does not move by itself; only a task's own timeout is measured in real time.
    ///
    /// # Panics
    ///
    /// If a task that is due has a problem that the start of a worker would report, as state that
    /// was not given; or after [`RUNS_MAX`](super::RUNS_MAX) attempts. Not if a task fails or panics: the
    /// [`Report`] tells.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the job of a dropped call stays in the state `running`.
    #[track_caller]
    pub fn run_due(&self) -> impl Future<Output = Report> + Send + '_ {
        let caller = Location::caller();
        async move {
            match self.tasks.run_due(&self.storage).await {
                Ok(report) => report,
                Err(stop) => panic!("`run_due` at {caller} cannot go on: {stop}"),
            }
        }
    }
}

#[async_trait]
impl Storage for MemoryDriver {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(self.clone())
    }

    /// For ever: the clock may be moved by the very task that runs.
    fn lease(&self) -> Duration {
        Duration::MAX
    }

    async fn next_queue(&self, tasks: &[String]) -> Result<Option<String>, DriverError> {
        Ok(self.first_queue(tasks))
    }

    async fn ready_tasks(&self) -> Result<Vec<String>, DriverError> {
        Ok(self.waiting_tasks())
    }
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl Enqueuer for &Harness {
    async fn enqueue(self, enqueue: Enqueue) -> Result<Vec<JobId>, DriverError> {
        Driver::enqueue(&self.storage, enqueue).await
    }

    async fn enqueue_unique(self, enqueue: Enqueue) -> Result<KeyedJobs, DriverError> {
        Driver::enqueue_unique(&self.storage, enqueue).await
    }
}

impl Reader for &Harness {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(self.storage.clone())
    }
}
