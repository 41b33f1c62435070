//! What there is to say to and for those who enqueue jobs without the code of their task.

use std::time::Duration;

use super::{NewKey, WorkerId};
use crate::job::{Conflict, JobId};

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
    /// For how long a job with a unique key keeps others away; `None` until it has ended.
    pub unique_within: Option<Duration>,
    /// What becomes of a job that is the same as one that is there.
    pub conflict: Conflict,
}

/// By which keys a job goes that its enqueuer could not make.
#[derive(Clone, Debug)]
pub struct Description {
    /// Who holds the job.
    pub worker: WorkerId,
    /// The job.
    pub job: JobId,
    /// The claim under which it is held.
    pub claim: i64,
    /// What limits of its task go by.
    pub concurrency_key: Option<i64>,
    /// What its order goes by.
    pub order_key: Option<i64>,
    /// What the rate of its starts goes by.
    pub rate_key: Option<i64>,
    /// What it is the same as others by, if that is to be seen.
    pub key: Option<NewKey>,
}

/// The answer to a [`Description`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    /// The job has its keys.
    Held,
    /// This job is the same, and stays; `None` if it cannot be told which.
    Same(Option<JobId>),
    /// The worker does not hold the job under that claim any more.
    Gone,
}
