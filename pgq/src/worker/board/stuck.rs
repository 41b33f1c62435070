//! Tasks that do not end although they must, as the board sees them.
//!
//! A task that holds its thread cannot be stopped. Once it has overstayed, its attempt is *given up*:
//! the storage is told that it has ended, its slot is free, and what it returns one day is dropped.
//! Until then it is *stuck*. So is a task that blocks whose thread goes on after its attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::{Board, Running, Stage};
use crate::driver::ClaimedJob;
use crate::job::JobId;
use crate::task::Vital;

/// What is stuck in a worker, by job and claim.
pub(super) type Stuck = FxHashMap<(JobId, i64), StuckAttempt>;

/// What goes on of an attempt that has ended for the storage: one of both, or both.
#[derive(Debug)]
pub(super) struct StuckAttempt {
    task: Arc<str>,
    /// It was given up, and has not left the runtime.
    in_runtime: bool,
    /// It has left a thread behind.
    in_thread: bool,
}

/// An attempt that was given up.
#[derive(Debug)]
pub(crate) struct GivenUp {
    /// Without its input.
    pub(crate) job: ClaimedJob,
    pub(crate) vital: Arc<Vital>,
    /// How many attempts of its task are stuck in this worker, this one included.
    pub(crate) stuck: usize,
}

/// A task that a thread has been in for long without a pause.
#[derive(Debug)]
pub(crate) struct Hog {
    pub(crate) task: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) since: Duration,
}

impl Board {
    /// Gives up attempts that must have ended longer ago than `patience`: their slots are free, and
    /// they count as ending.
    pub(crate) fn give_up(&mut self, now: Instant, patience: Duration) -> Vec<GivenUp> {
        let mut given_up = Vec::new();
        for held in self.held.values_mut() {
            let Stage::Running(running) = &mut held.stage else {
                continue;
            };
            let overstayed = |running: &mut Box<Running>| {
                let overstayed = running.vital.overstayed(now);
                overstayed.is_some_and(|overstayed| overstayed >= patience)
            };
            if let Some(overstayer) = running.take_if(overstayed) {
                let Running { vital, job, .. } = *overstayer;
                held.stage = Stage::Ending;
                given_up.push((job, vital));
            }
        }
        for (job, _) in &given_up {
            self.free_slot(&job.queue);
            let attempt = (job.id, job.claim);
            self.stick(attempt, &job.task).in_runtime = true;
        }
        let given_up = given_up.into_iter().map(|(job, vital)| GivenUp {
            stuck: self.stuck(&job.task),
            job,
            vital,
        });
        given_up.collect()
    }

    /// An attempt has broken down, so that its job counts as ending. Returns `false` if it was given up, so that
    /// the storage is told of it already, or if its job is not held any more.
    pub(crate) fn broke_down(&mut self, job: JobId, claim: i64) -> bool {
        let stuck = self.stuck.get(&(job, claim));
        let is_given_up = stuck.is_some_and(|stuck| stuck.in_runtime);
        let held = self.held(job, claim).filter(|_| !is_given_up);
        held.map(|held| held.stage = Stage::Ending).is_some()
    }

    /// The attempt has left the runtime: frees its slot, unless it was given up, and the memory of its
    /// input.
    pub(crate) fn leave(&mut self, attempt: (JobId, i64), queue: &str, bytes: usize) {
        let given_up = |stuck: &mut StuckAttempt| std::mem::take(&mut stuck.in_runtime);
        if self.unstick(attempt, given_up) {
            self.free_memory(bytes);
        } else {
            self.free(queue, bytes);
        }
    }

    /// The thread of an attempt goes on after it.
    pub(crate) fn leave_thread(&mut self, attempt: (JobId, i64), task: &Arc<str>) {
        self.stick(attempt, task).in_thread = true;
    }

    /// That thread has ended.
    pub(crate) fn thread_ended(&mut self, attempt: (JobId, i64)) {
        self.unstick(attempt, |stuck| std::mem::take(&mut stuck.in_thread));
    }

    fn stick(&mut self, attempt: (JobId, i64), task: &Arc<str>) -> &mut StuckAttempt {
        self.stuck.entry(attempt).or_insert_with(|| StuckAttempt {
            task: Arc::clone(task),
            in_runtime: false,
            in_thread: false,
        })
    }

    /// Takes note of what has ended; returns what that returns.
    fn unstick(
        &mut self,
        attempt: (JobId, i64),
        end: impl FnOnce(&mut StuckAttempt) -> bool,
    ) -> bool {
        let Some(stuck) = self.stuck.get_mut(&attempt) else {
            return false;
        };
        let ended = end(stuck);
        if !stuck.in_runtime && !stuck.in_thread {
            self.stuck.remove(&attempt);
        }
        ended
    }

    /// How many attempts of a task have ended for the storage, and run on here.
    pub(crate) fn stuck(&self, task: &str) -> usize {
        let stuck = self.stuck.values();
        stuck.filter(|attempt| *attempt.task == *task).count()
    }

    /// How many attempts are in the runtime although they were given up.
    pub(crate) fn given_up(&self) -> usize {
        let stuck = self.stuck.values();
        stuck.filter(|attempt| attempt.in_runtime).count()
    }

    /// What a thread has been in for so long without a pause.
    pub(crate) fn hogs(&self, now: Instant, long: Duration) -> Vec<Hog> {
        let running = self.held.values().filter_map(|held| match &held.stage {
            Stage::Running(running) | Stage::Completing(running) => running.as_deref(),
            Stage::Waiting | Stage::Ending => None,
        });
        let hog = |running: &Running| Hog {
            task: Arc::clone(&running.job.task),
            job: running.job.id,
            since: running.vital.inside(now),
        };
        running.map(hog).filter(|hog| hog.since >= long).collect()
    }
}
