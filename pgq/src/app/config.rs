//! The settings of `pgq::run()`, their defaults, and what is wrong with them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::job::INPUT_MAX;
use crate::queue::name_problem;
use crate::task::{Problem, Registry};
use crate::worker::config::{Mode, QueueConfig, WorkerConfig};

/// How many jobs run at once.
pub(super) const CONCURRENCY: usize = 100;
/// How long a lost wake-up may delay a job.
const POLL: Duration = Duration::from_secs(1);
/// With a heartbeat every 2.5 s and a look for dead workers as often, the jobs of a dead worker run
/// again within 15 s.
const LEASE: Duration = Duration::from_secs(10);
/// The shortest lease whose last part leaves attempts some time to notice that it ends.
const LEASE_MIN: Duration = Duration::from_secs(1);
/// What most supervisors allow a process between SIGTERM and SIGKILL.
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);
/// How long an attempt may take to end once its job is cancelled.
const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// The largest result that is stored.
const RESULT_MAX: usize = 1024 * 1024;

/// The largest weight of a queue.
const WEIGHT_MAX: u32 = 1000;

/// How many bytes of large inputs may be in the worker at once: four of the largest.
const INPUT_MEMORY: usize = 4 * INPUT_MAX;

/// A queue that a worker serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    name: String,
    concurrency: Option<usize>,
    weight: u32,
    ageing: Option<Duration>,
}

impl Queue {
    /// The queue of that name, with no limit but the worker's own.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            concurrency: None,
            weight: 1,
            ageing: None,
        }
    }

    /// Sets how many of its jobs run at once in this worker, at least 1. Default: no limit but the
    /// worker's own.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// Sets its share of the jobs that this worker starts, 1 to 1000, among the queues that have jobs:
    /// of two queues with weights 3 and 1, the first one starts three jobs of four. What one of them
    /// does not need, the others get. Default: 1.
    ///
    /// Inside a queue, jobs of a higher priority start first, always unless [`ageing`](Self::ageing)
    /// is set.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Keeps jobs of low priorities from waiting for as long as there are any of higher ones: once in
    /// `after`, this worker takes what has waited longest of each lower priority, and starts it first.
    /// Such a turn gets a quarter of the room that there is, and one job at least. Longer than zero.
    /// Default: strict priorities, which starve the lower ones.
    ///
    /// Claims that ask for permits or tokens of the whole fleet have no turns: those of tasks with a
    /// `rate`, and those under any other limit while this worker wants more permits than it has. They
    /// take the highest priorities first.
    #[must_use]
    pub fn ageing(mut self, after: Duration) -> Self {
        self.ageing = Some(after);
        self
    }

    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        let name = &self.name;
        if let Some(problem) = name_problem(name) {
            return Some(format!("the name `{name}` {problem}"));
        }
        if self.concurrency == Some(0) {
            return Some(format!("the concurrency of `{name}` must be at least 1"));
        }
        if self.ageing == Some(Duration::ZERO) {
            return Some(format!("the ageing of `{name}` must be longer than zero"));
        }
        let weight_is_right = (1..=WEIGHT_MAX).contains(&self.weight);
        (!weight_is_right).then(|| {
            let weight = self.weight;
            format!("the weight of `{name}` must be 1 to {WEIGHT_MAX}, but is {weight}")
        })
    }

    pub(super) fn config(&self) -> QueueConfig {
        QueueConfig {
            name: Arc::from(self.name.as_str()),
            concurrency: self.concurrency,
            weight: self.weight,
            ageing: self.ageing,
        }
    }
}

impl<T: Into<String>> From<T> for Queue {
    fn from(name: T) -> Self {
        Self::new(name)
    }
}

/// The settings as they were given.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) queues: Vec<Queue>,
    pub(super) elsewhere: BTreeSet<String>,
    pub(super) concurrency: usize,
    pub(super) poll: Duration,
    pub(super) lease: Duration,
    pub(super) drain_deadline: Duration,
    pub(super) cancel_grace: Duration,
    pub(super) result_max: usize,
    pub(super) input_memory: usize,
    pub(super) app_version: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            elsewhere: BTreeSet::new(),
            concurrency: CONCURRENCY,
            poll: POLL,
            lease: LEASE,
            drain_deadline: DRAIN_DEADLINE,
            cancel_grace: CANCEL_GRACE,
            result_max: RESULT_MAX,
            input_memory: INPUT_MEMORY,
            app_version: None,
        }
    }
}

impl Config {
    /// Whether a queue is served by this worker, or is known to be by another one.
    pub(super) fn is_served(&self, queue: &str) -> bool {
        self.queues.is_empty()
            || self.queues.iter().any(|served| served.name == queue)
            || self.elsewhere.contains(queue)
    }

    /// What is wrong with the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |setting: &str, problem: String| {
            problems.push(Problem::InvalidSetting {
                setting: setting.to_owned(),
                problem,
            });
        };
        if self.concurrency == 0 {
            wrong("concurrency", "must be at least 1".to_owned());
        }
        if self.poll.is_zero() {
            wrong("poll_interval", "must be longer than zero".to_owned());
        }
        if self.lease < LEASE_MIN {
            wrong(
                "lease",
                format!("must be at least {LEASE_MIN:?}, but is {:?}", self.lease),
            );
        }
        if self.result_max > INPUT_MAX {
            wrong(
                "result_max",
                format!(
                    "must be at most {INPUT_MAX} bytes, but is {}",
                    self.result_max
                ),
            );
        }
        let mut seen = BTreeSet::new();
        for queue in &self.queues {
            if let Some(problem) = queue.problem() {
                wrong("queue", problem);
            }
            let name = &queue.name;
            if !seen.insert(name) {
                wrong("queue", format!("`{name}` is named twice"));
            }
        }
        problems
    }

    /// The settings of the worker. Unless queues were named, it serves those of its tasks.
    pub(super) fn worker(&self, registry: &Registry, mode: Mode) -> WorkerConfig {
        let queues = if self.queues.is_empty() {
            let names: BTreeSet<&str> = registry.tasks().map(|task| task.options().queue).collect();
            names
                .into_iter()
                .map(|name| Queue::new(name).config())
                .collect()
        } else {
            self.queues.iter().map(Queue::config).collect()
        };
        WorkerConfig {
            queues,
            concurrency: self.concurrency,
            poll: self.poll,
            lease: self.lease,
            drain_deadline: self.drain_deadline,
            cancel_grace: self.cancel_grace,
            result_max: self.result_max,
            input_memory: self.input_memory,
            app_version: self.app_version.clone(),
            mode,
        }
    }
}
