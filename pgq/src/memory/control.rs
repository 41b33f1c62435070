//! What directs workers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::record::Stage;
use super::store::Store;
use crate::driver::{Cancellation, Directives, Pausable, Pause, Wake, WorkerId};
use crate::job::{JobId, JobState, Retain};

/// What is paused, since when.
pub(super) type Pauses = BTreeMap<Pausable, DateTime<Utc>>;

impl Store {
    pub(super) fn pause(&mut self, what: &Pausable, now: DateTime<Utc>) -> bool {
        self.wake(Wake::Directives);
        if self.paused.contains_key(what) {
            return false;
        }
        self.paused.insert(what.clone(), now);
        true
    }

    pub(super) fn resume(&mut self, what: &Pausable) -> bool {
        self.wake(Wake::Directives);
        self.paused.remove(what).is_some()
    }

    pub(super) fn pauses(&self) -> Vec<Pause> {
        let pause = |(what, since): (&Pausable, &DateTime<Utc>)| Pause {
            what: what.clone(),
            since: *since,
        };
        self.paused.iter().map(pause).collect()
    }

    pub(super) fn directives(&self, worker: WorkerId) -> Directives {
        let cancel = self.held(worker).into_iter().filter(|(job, _)| {
            let record = self.jobs.get(job);
            record.is_some_and(|record| record.cancel_requested)
        });
        Directives {
            paused: self.paused.keys().cloned().collect(),
            cancel: cancel.collect(),
            limits: self.limits.in_force(),
            schedules: self.schedules.revision(),
            is_outdated: false,
        }
    }

    pub(super) fn cancel(&mut self, job: JobId, now: DateTime<Utc>) -> Option<Cancellation> {
        let record = self.jobs.get_mut(&job)?;
        match &record.stage {
            Stage::Scheduled { run_at } => {
                self.scheduled.remove(&(*run_at, job));
            }
            Stage::Ready => self.ready.remove(record),
            Stage::Running { .. } => {
                record.cancel_requested = true;
                self.wake(Wake::Directives);
                return Some(Cancellation::Requested);
            }
            Stage::Finished { state, .. } => return Some(Cancellation::AlreadyFinished(*state)),
        }
        record.error = None;
        record.finish(JobState::Cancelled, Retain::DEFAULT.completed, None, now);
        self.wake(Wake::Finished);
        Some(Cancellation::Cancelled)
    }

    /// Ends a job as cancelled that would run again, if somebody has asked for that.
    pub(super) fn cancel_if_requested(&mut self, job: JobId, now: DateTime<Utc>) -> bool {
        let Some(record) = self.jobs.get_mut(&job) else {
            return false;
        };
        let requested = record.cancel_requested;
        if requested {
            record.finish(JobState::Cancelled, Retain::DEFAULT.completed, None, now);
            self.wake(Wake::Finished);
        }
        requested
    }
}
