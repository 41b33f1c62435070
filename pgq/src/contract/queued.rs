//! [`unreadable`]: which queued jobs a build cannot run.

use std::fmt;

use super::lock::hex;
use super::{Error, Lock};
use crate::client::Reader;
use crate::driver::QueuedInput;
use crate::job::JobState;

/// How many jobs of one state are looked at.
const LIMIT: usize = 1_000_000;

/// The queued jobs that a build cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableJobs {
    /// The jobs, by task, fingerprint and state. Empty if the build can run them all.
    pub kinds: Vec<Unreadable>,
    /// Whether every queued job was looked at: of each state, the first million is.
    pub is_complete: bool,
}

/// Queued jobs of one state that a build cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The name of their task.
    pub task: String,
    /// The fingerprint of their input; `None` if their enqueuer did not know it, and it is the task
    /// that the build does not have.
    pub fingerprint: Option<i64>,
    /// Scheduled, ready or running.
    pub state: JobState,
    /// How many there are.
    pub jobs: u64,
}

/// Looks for queued jobs that a build with this lock file cannot run: their task or the fingerprint
/// of their input is not in it. Jobs without a fingerprint are taken to be readable.
///
/// Looks at each queued job, up to a million of each state, which takes the database about a second;
/// meant for a deployment.
///
/// # Errors
///
/// Returns the error of the storage.
///
/// # Cancel safety
///
/// Cancel safe: the call only looks.
pub async fn unreadable(reader: impl Reader, lock: &Lock) -> Result<UnreadableJobs, Error> {
    let queued = reader.driver().queued_inputs(LIMIT).await?;
    let known = lock.fingerprints();
    let looked_at = |state| -> u64 {
        let of_state = queued.iter().filter(|input| input.state == state);
        of_state.map(|input| input.jobs).sum()
    };
    let limit = u64::try_from(LIMIT).unwrap_or(u64::MAX);
    let states = [JobState::Scheduled, JobState::Ready, JobState::Running];
    let is_complete = states.into_iter().all(|state| looked_at(state) < limit);
    let is_readable = |input: &QueuedInput| {
        let knows = |fingerprint| known.contains(&fingerprint);
        lock.tasks.contains_key(&input.task) && input.fingerprint.is_none_or(knows)
    };
    let mut kinds: Vec<Unreadable> = queued
        .into_iter()
        .filter(|input| !is_readable(input))
        .map(|input| Unreadable {
            task: input.task,
            fingerprint: input.fingerprint,
            state: input.state,
            jobs: input.jobs,
        })
        .collect();
    kinds.sort_by(|one, other| {
        let key = |kind: &Unreadable| (kind.fingerprint, kind.state as usize);
        one.task.cmp(&other.task).then(key(one).cmp(&key(other)))
    });
    Ok(UnreadableJobs { kinds, is_complete })
}

impl fmt::Display for UnreadableJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kinds.is_empty(), self.is_complete) {
            (true, true) => f.write_str("every queued job can be run")?,
            (true, false) => f.write_str("every queued job that was looked at can be run")?,
            (false, _) => f.write_str("queued jobs that cannot be run:")?,
        }
        self.kinds
            .iter()
            .try_for_each(|kind| write!(f, "\n  - {kind}"))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            task, state, jobs, ..
        } = self;
        write!(f, "{jobs} {state} of task `{task}`")?;
        match self.fingerprint {
            Some(fingerprint) => write!(f, ", contract {}", hex(fingerprint)),
            None => Ok(()),
        }
    }
}
