//! [`DeclaredTask`].

use std::time::Duration;

use crate::job::Conflict;

/// What the jobs of a task are if their enqueuer says no more than its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredTask {
    /// Its names, the one that it has now first.
    pub names: Vec<String>,
    /// The name that the keys of its jobs go by.
    pub key_name: String,
    /// The queue that they wait in.
    pub queue: String,
    /// 0 to 9.
    pub priority: i16,
    /// 1 to 1000.
    pub max_attempts: i16,
    /// How long they wait before they may start.
    pub delay: Duration,
    /// How long after its enqueue a job may be started for the first time; `None` without limit.
    pub expires: Option<Duration>,
    /// The largest input, in bytes; `None` if it is up to the enqueuer.
    pub input_max: Option<usize>,
    /// The tags that each job has.
    pub tags: Vec<String>,
    /// Whether jobs are the same by their parameters.
    pub is_unique: bool,
    /// For how long a job with a unique key keeps others away; `None` until it has ended.
    pub unique_within: Option<Duration>,
    /// What becomes of a job that is the same as one that is there.
    pub conflict: Conflict,
    /// Whether jobs are ordered, or limited, by their parameters.
    pub is_keyed: bool,
}
