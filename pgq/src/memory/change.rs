//! Changes to jobs that somebody has looked at.

use chrono::{DateTime, Utc};

use super::clock::after;
use super::record::Record;
use super::store::Store;
use crate::driver::Start;
use crate::job::{Job, JobId, JobState, Marks};

impl Store {
    pub(super) fn requeue(&mut self, jobs: &[Job]) -> Vec<JobId> {
        self.change(jobs, |store, job| {
            if !job.state.is_finished() || job.state == JobState::Completed {
                return false;
            }
            if let Some(record) = store.record_mut(job.id) {
                record.attempt = 0;
                record.deaths = 0;
                record.blame = 0;
                record.suspect(false);
                record.error = None;
                record.begun();
                if let Some(detail) = &mut record.detail {
                    detail.expires = None;
                }
            }
            // They were freed when the job ended.
            store.free_unique_keys(job.id);
            if let Some(record) = store.record_mut(job.id) {
                record.marks = record.marks.without(Marks::UNIQUE);
            }
            store.make_ready(job.id);
            true
        })
    }

    pub(super) fn delete(&mut self, jobs: &[Job]) -> Vec<JobId> {
        self.change(jobs, |store, job| {
            let may = job.state != JobState::Running;
            if may {
                store.take_out(job.id);
                store.free_unique_keys(job.id);
                store.forget(job.id);
            }
            may
        })
    }

    pub(super) fn reschedule(
        &mut self,
        jobs: &[Job],
        start: Start,
        now: DateTime<Utc>,
    ) -> Vec<JobId> {
        let run_at = match start {
            Start::Now => now,
            Start::After(delay) => after(now, delay),
            Start::At(time) => time.max(now),
        };
        self.change(jobs, |store, job| {
            let may = matches!(job.state, JobState::Scheduled | JobState::Ready);
            if may {
                store.take_out(job.id);
                // One that has begun keeps its place in the order of its key.
                let has_begun = |record: &Record| record.marks.has(Marks::BEGUN);
                if !store.record(job.id).is_some_and(has_begun) {
                    store.give_up_keys(job.id);
                }
                store.schedule(job.id, run_at);
            }
            may
        })
    }

    /// Changes the jobs that are as they were looked at; returns those that were changed.
    fn change(
        &mut self,
        jobs: &[Job],
        mut change: impl FnMut(&mut Self, &Job) -> bool,
    ) -> Vec<JobId> {
        let mut changed = Vec::new();
        let mut jobs: Vec<&Job> = jobs.iter().collect();
        jobs.sort_unstable_by_key(|job| job.id);
        for seen in jobs {
            let is_same = |now: Job| (now.state, now.finished_at) == (seen.state, seen.finished_at);
            if self.find(seen.id).is_some_and(is_same) && change(self, seen) {
                changed.push(seen.id);
            }
        }
        changed
    }
}
