//! Jobs that were not started in time.

use chrono::{DateTime, Utc};

use super::record::{Record, Stage};
use super::store::Store;
use crate::driver::{Kept, Wake};
use crate::job::{Detail, JobId, JobState, Marks};

impl Store {
    /// Ends jobs that wait and whose time to be started is over.
    pub(super) fn expire(&mut self, limit: usize, kept: &Kept, now: DateTime<Utc>) -> usize {
        let waits =
            |record: &&Record| matches!(record.stage, Stage::Scheduled { .. } | Stage::Ready);
        let late: Vec<JobId> = self
            .records()
            .filter(waits)
            .filter(|record| record.is_late(now))
            .map(|record| record.id)
            .take(limit)
            .collect();
        for job in &late {
            self.take_out(*job);
            if let Some(record) = self.record_mut(*job) {
                let retention = kept.of(&record.task);
                record.finish(JobState::Expired, retention, None, now);
            }
        }
        if !late.is_empty() {
            self.wake(Wake::Finished);
        }
        late.len()
    }
}

impl Record {
    /// Whether the time to start it is over, and it has not been.
    pub(super) fn is_late(&self, now: DateTime<Utc>) -> bool {
        let at = self.detail.as_deref().and_then(Detail::expires_at);
        self.marks.has(Marks::EXPIRES) && at.is_some_and(|at| at <= now)
    }

    /// An attempt of it may have begun.
    pub(super) fn begun(&mut self) {
        self.marks = self.marks.without(Marks::EXPIRES) | Marks::BEGUN;
    }
}
