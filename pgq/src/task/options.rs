//! [`TaskOptions`].

use std::time::Duration;

use crate::backoff::Backoff;
use crate::queue::DEFAULT_QUEUE;

/// How jobs of a task are run unless their enqueuer says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskOptions {
    /// The queue that its jobs wait in. Default: `"default"`.
    pub queue: &'static str,
    /// 0 to 9; larger ones are claimed first. Default: 0.
    pub priority: i16,
    /// How many attempts a job has before it is a dead letter, 1 to 1000. Default: 20, which with
    /// the default backoff takes about eight hours.
    pub max_attempts: i16,
    /// How long one attempt may take. Default: no limit.
    pub timeout: Option<Duration>,
    /// How long a failed job waits for its next attempt.
    pub backoff: Backoff,
}

impl TaskOptions {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queue: DEFAULT_QUEUE,
            priority: 0,
            max_attempts: 20,
            timeout: None,
            backoff: Backoff::DEFAULT,
        }
    }

    /// Sets the queue.
    #[must_use]
    pub const fn queue(mut self, queue: &'static str) -> Self {
        self.queue = queue;
        self
    }

    /// Sets the priority, 0 to 9.
    #[must_use]
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the number of attempts, 1 to 1000.
    #[must_use]
    pub const fn max_attempts(mut self, max_attempts: i16) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how long a failed job waits for its next attempt.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self::new()
    }
}
