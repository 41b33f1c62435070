//! How jobs come, and where they are taken out again before they run.

use chrono::{DateTime, Utc};

use super::clock::after;
use super::record::{Record, Stage};
use super::store::Store;
use crate::driver::{Enqueue, KeyedJobs, NewJob, Start, Ticked};
use crate::job::{Enqueued, JobId};

impl Store {
    pub(super) fn enqueue(&mut self, mut enqueue: Enqueue, now: DateTime<Utc>) -> Vec<JobId> {
        let jobs = std::mem::take(&mut enqueue.jobs);
        jobs.into_iter()
            .map(|job| self.add(&enqueue, job, now))
            .collect()
    }

    pub(super) fn add(&mut self, enqueue: &Enqueue, job: NewJob, now: DateTime<Utc>) -> JobId {
        let id = JobId::from_i64(self.sequence + 1);
        self.add_as(id, enqueue, job, now);
        id
    }

    /// Adds a job under a number of its own, or that of one which was taken out.
    pub(super) fn add_as(&mut self, id: JobId, enqueue: &Enqueue, job: NewJob, now: DateTime<Utc>) {
        let number = self.next_number();
        self.jobs.insert(id, Record::new(id, enqueue, job, now));
        match enqueue.start {
            Start::Now => self.make_ready_as(id, number),
            Start::After(delay) => self.schedule(id, after(now, delay)),
            Start::At(time) => self.schedule(id, time),
        }
    }

    /// Takes a job that waits out of its line; what becomes of its record is for the caller to say.
    pub(super) fn take_out(&mut self, job: JobId) {
        let Some(record) = self.jobs.get(&job) else {
            return;
        };
        match record.stage {
            Stage::Scheduled { run_at } => {
                self.scheduled.remove(&(run_at, job));
            }
            Stage::Ready => self.ready.remove(record),
            Stage::Running { .. } | Stage::Finished { .. } => {}
        }
    }

    /// Adds the job of a tick, unless there is one that is the same.
    pub(super) fn enqueue_tick(&mut self, mut enqueue: Enqueue, now: DateTime<Utc>) -> Ticked {
        enqueue.skip_conflicts();
        let KeyedJobs::Enqueued(jobs) = self.enqueue_unique(enqueue, now) else {
            return Ticked::Skipped;
        };
        match jobs.first() {
            Some((job, Enqueued::New)) => Ticked::Enqueued(*job),
            Some((job, Enqueued::Replaced)) => Ticked::Replaced(*job),
            Some((_, Enqueued::Existing)) | None => Ticked::Skipped,
        }
    }
}
