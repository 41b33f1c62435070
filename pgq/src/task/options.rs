//! [`TaskOptions`].

use std::time::Duration;

use crate::backoff::Backoff;
use crate::job::Retain;
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
    /// How long what is left of its jobs is kept.
    pub retain: Retain,
    /// The largest input of its jobs, in bytes, up to [`INPUT_MAX`](crate::INPUT_MAX). Default: what
    /// the enqueuer allows, which is 1 MiB unless `Pgq::input_max` says otherwise.
    pub input_max: Option<usize>,
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
            retain: Retain::DEFAULT,
            input_max: None,
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

    /// Sets how long what is left of its jobs is kept.
    #[must_use]
    pub const fn retain(mut self, retain: Retain) -> Self {
        self.retain = retain;
        self
    }

    /// Sets the largest input of its jobs, in bytes, up to [`INPUT_MAX`](crate::INPUT_MAX).
    #[must_use]
    pub const fn input_max(mut self, bytes: usize) -> Self {
        self.input_max = Some(bytes);
        self
    }
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self::new()
    }
}
