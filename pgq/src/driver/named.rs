//! [`EnqueueNamed`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Start;
use crate::job::{Conflict, Enqueued, JobId};

/// One job of a task that its enqueuer knows by its name only. What it does not say is as the task has it.
#[derive(Clone)]
pub struct EnqueueNamed {
    /// The name of the task, or one that it had before.
    pub task: String,
    /// The input, format byte included.
    pub input: Vec<u8>,
    /// The queue to wait in.
    pub queue: Option<String>,
    /// 0 to 9; larger ones are claimed first.
    pub priority: Option<i16>,
    /// 1 to 1000.
    pub max_attempts: Option<i16>,
    /// When the job may start.
    pub start: Option<Start>,
    /// How long from now, or from its time, the job may be started for the first time.
    pub expires_in: Option<Duration>,
    /// Words to find it by, beside those of the task.
    pub tags: Vec<String>,
    /// What it carries.
    pub headers: BTreeMap<String, String>,
    /// By what it is the same as others of its task.
    pub unique_key: Option<String>,
    /// For how long it is, from the enqueue on; `None` as the task says, or until the job has ended. Only with a
    /// key, as the conflict.
    pub unique_within: Option<Duration>,
    /// What becomes of a second one; `None` as the task says.
    pub conflict: Option<Conflict>,
    /// Whether the task may be one that no worker has said that it has.
    pub may_be_unknown: bool,
}

/// What became of an [`EnqueueNamed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnqueuedNamed {
    /// The job, or the one that is there already.
    pub job: JobId,
    /// Which of the two it is.
    pub enqueued: Enqueued,
    /// The queue of the job, had it been added.
    pub queue: String,
}

impl EnqueueNamed {
    /// A job of `task` with this input, of which nothing else is said.
    #[must_use]
    pub fn new(task: impl Into<String>, input: Vec<u8>) -> Self {
        Self {
            task: task.into(),
            input,
            queue: None,
            priority: None,
            max_attempts: None,
            start: None,
            expires_in: None,
            tags: Vec::new(),
            headers: BTreeMap::new(),
            unique_key: None,
            unique_within: None,
            conflict: None,
            may_be_unknown: false,
        }
    }
}

/// Without the input, which may be secret.
impl fmt::Debug for EnqueueNamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueNamed")
            .field("task", &self.task)
            .field("queue", &self.queue)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
