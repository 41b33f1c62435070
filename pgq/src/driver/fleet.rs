//! What is known of the workers.

use chrono::{DateTime, Utc};

use super::WorkerId;

/// What a worker was built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The version of pgq.
    pub pgq_version: String,
    /// The version of the application, as [`Run::version`](crate::Run::version) says it.
    pub app_version: Option<String>,
    /// The tasks that it knows, by name.
    pub tasks: Vec<KnownTask>,
    /// Other names that it knows these tasks by.
    pub aliases: Vec<String>,
    /// The fingerprints of input that it can run; `None` if any.
    pub inputs: Option<Vec<i64>>,
    /// It ticks the schedules that were made at run time for its tasks.
    pub ticks: bool,
    /// The names of the schedules that it knows.
    pub schedules: Vec<String>,
    /// The [`digest`](super::Schedule::digest) of each of them, in the same order; none while the worker
    /// does not tick, so that others may.
    pub declarations: Vec<i64>,
    /// The names of the tasks whose jobs it takes by keys, so that those that wait for keys are left to it.
    pub keyed: Vec<String>,
}

/// A task that a worker knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTask {
    /// Its name.
    pub name: String,
    /// The fingerprint of its input: builds with another one may not be able to read its jobs.
    pub fingerprint: i64,
}

impl Default for Build {
    /// This version of pgq, with no task and no schedule.
    fn default() -> Self {
        Self {
            pgq_version: env!("CARGO_PKG_VERSION").to_owned(),
            app_version: None,
            tasks: Vec::new(),
            aliases: Vec::new(),
            inputs: None,
            ticks: false,
            schedules: Vec::new(),
            declarations: Vec::new(),
            keyed: Vec::new(),
        }
    }
}

impl Build {
    /// Whether it knows a task by this name.
    pub(crate) fn knows(&self, task: &str) -> bool {
        self.tasks.iter().any(|known| known.name == task)
            || self.aliases.iter().any(|alias| alias == task)
    }
}

/// A worker as the storage knows it.
///
/// Times are the database's. A worker that died is known until another one rescues its jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerState {
    /// The id of this start of the worker.
    pub id: WorkerId,
    /// The host it runs on.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// The queues that it served when it started.
    pub queues: Vec<String>,
    /// How many jobs it runs at once at most.
    pub concurrency: usize,
    /// How many jobs it ran at its last heartbeat.
    pub running: usize,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When its last heartbeat came; they come four times in a lease, every 2.5 s by default.
    pub heartbeat_at: DateTime<Utc>,
    /// When its lease ends, unless it is renewed.
    pub lease_until: DateTime<Utc>,
    /// Whether its lease had not ended when it was looked at.
    pub is_alive: bool,
    /// What it was built from.
    pub build: Build,
}
