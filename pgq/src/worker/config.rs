//! What a worker is told.

use std::sync::Arc;
use std::time::Duration;

/// The settings of one worker. `pgq::run()` documents them for users.
#[derive(Clone, Debug)]
pub(crate) struct WorkerConfig {
    pub(crate) queues: Vec<QueueConfig>,
    /// How many jobs run at once, over all queues.
    pub(crate) concurrency: usize,
    /// How long a lost wake-up may delay a job.
    pub(crate) poll: Duration,
    /// How long the worker keeps its jobs without a heartbeat.
    pub(crate) lease: Duration,
    /// How long running jobs may take to end once the worker drains.
    pub(crate) drain_deadline: Duration,
    /// How long an attempt may take to end once its job is cancelled.
    pub(crate) cancel_grace: Duration,
    /// The largest result that is stored, in bytes.
    pub(crate) result_max: usize,
    /// How many bytes of large inputs may be in the worker at once.
    pub(crate) input_memory: usize,
    /// The version of the application, for people.
    pub(crate) app_version: Option<String>,
    pub(crate) mode: Mode,
}

/// One queue that the worker serves.
#[derive(Clone, Debug)]
pub(crate) struct QueueConfig {
    pub(crate) name: Arc<str>,
    /// How many of its jobs run at once in this worker; `None`: only the worker's own limit.
    pub(crate) concurrency: Option<usize>,
    /// Its share among the queues that have jobs.
    pub(crate) weight: u32,
    /// How long a job waits at most behind jobs of higher priorities; `None`: for as long as there are
    /// any.
    pub(crate) ageing: Option<Duration>,
}

/// When the worker ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Never.
    Forever,
    /// When nothing is due any more.
    UntilIdle,
    /// When everything has run that was due at the start.
    Once,
}

/// For how many deaths of workers a job may be to blame before it is a dead letter.
pub(crate) const BLAME_MAX: i16 = 3;

/// How many heartbeats fit into a lease, so that a lost one or two do not lose it.
pub(crate) const HEARTBEATS_PER_LEASE: u32 = 4;

/// How often the history is looked after, by each worker.
pub(crate) const HISTORY_INTERVAL: Duration = Duration::from_secs(60);

/// After how many leases the health of the storage is looked at again: once a minute by default.
pub(crate) const LEASES_PER_WATCH: u32 = 6;

/// How long any call to the database may take, the way there and back included. The server itself
/// gives up a little earlier.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(35);

/// The pauses between tries of a call that failed.
pub(crate) const RETRY_MIN: Duration = Duration::from_millis(50);
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(2);
