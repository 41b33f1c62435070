//! [`Job`].

use chrono::{DateTime, Utc};

use super::{Detail, JobId, JobState};

/// One job as it is stored, for looking at.
///
/// Times are the database's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Job {
    /// The number of the job.
    pub id: JobId,
    /// Where the job is in its life.
    pub state: JobState,
    /// The name of the task that runs it.
    pub task: String,
    /// The queue it waits in.
    pub queue: String,
    /// 0 to 9; larger ones are claimed first.
    pub priority: i16,
    /// How many attempts were started, the running one included. An attempt that was given back,
    /// at a shutdown or because its worker died, does not count.
    pub attempt: i16,
    /// How many attempts the job has in all.
    pub max_attempts: i16,
    /// How many times the job was handed to a worker, for whatever reason.
    pub deliveries: i32,
    /// How many workers died while they held the job, whatever they died of.
    pub deaths: i16,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it is due; `None` once it is ready.
    pub run_at: Option<DateTime<Utc>>,
    /// When its last attempt was claimed; `None` unless it is running or finished.
    pub claimed_at: Option<DateTime<Utc>>,
    /// When it ended; `None` unless it is finished.
    pub finished_at: Option<DateTime<Utc>>,
    /// The result of a completed job, as [`JobHandle`](crate::JobHandle) decodes it. `None` also
    /// stands for the result `()`, and for one that has been pruned before the job.
    pub result: Option<Vec<u8>>,
    /// Why the job failed, or why its last attempt did.
    pub error: Option<String>,
    /// Its tags, headers and the like, if it has any.
    pub detail: Option<Box<Detail>>,
}
