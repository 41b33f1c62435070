//! What single attempts do, and whether jobs have ended.

use chrono::{DateTime, Utc};

use super::Store;
use crate::driver::{Completion, Enqueue, Hold, NewProgress, Progress, WorkerId};
use crate::job::JobId;
use crate::memory::record::Record;

impl Store {
    pub(in crate::memory) fn finished(&self, jobs: &[JobId]) -> Vec<JobId> {
        let ended = |job: &&JobId| self.jobs.get(job).is_some_and(Record::is_finished);
        jobs.iter().filter(ended).copied().collect()
    }

    pub(in crate::memory) fn complete_and_enqueue(
        &mut self,
        worker: WorkerId,
        completion: &Completion,
        children: &[Enqueue],
        now: DateTime<Utc>,
    ) -> bool {
        let completed = self.complete(worker, std::slice::from_ref(completion), now) == 1;
        if completed {
            for child in children {
                let mut child = child.clone();
                child.skip_conflicts();
                self.enqueue_unique(child, now);
            }
        }
        completed
    }

    pub(in crate::memory) fn set_progress(
        &mut self,
        worker: WorkerId,
        job: JobId,
        claim: i64,
        new: &NewProgress,
        now: DateTime<Utc>,
    ) -> bool {
        let record = self.jobs.get_mut(&job);
        let held = record.filter(|record| record.is_held_by(worker, claim));
        held.map(|record| {
            record.progress = Some(Progress {
                done: u64::try_from(new.done).unwrap_or_default(),
                total: u64::try_from(new.total).unwrap_or_default(),
                message: new.message.clone(),
                attempt: record.attempt,
                updated_at: now,
            });
        })
        .is_some()
    }

    pub(in crate::memory) fn progress(&self, job: JobId) -> Option<Progress> {
        self.jobs.get(&job)?.progress.clone()
    }

    pub(in crate::memory) fn hold(&self, worker: WorkerId, job: JobId, claim: i64) -> Hold {
        let record = self.jobs.get(&job);
        match record.is_some_and(|record| record.is_held_by(worker, claim)) {
            true => Hold::Held,
            false => Hold::Gone,
        }
    }
}
