//! Jobs that may be the same as others.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::clock::after;
use super::record::{Record, Stage};
use super::store::Store;
use crate::driver::{Enqueue, KeyedJobs, NewJob, NewKey};
use crate::job::{Conflict, Enqueued, JobId, Marks};

/// Which jobs hold keys.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<Vec<u8>, Holder>);

#[derive(Debug)]
struct Holder {
    job: JobId,
    /// `None` until it has ended.
    until: Option<DateTime<Utc>>,
}

impl Store {
    pub(super) fn enqueue_unique(&mut self, mut enqueue: Enqueue, now: DateTime<Utc>) -> KeyedJobs {
        let mut jobs = std::mem::take(&mut enqueue.jobs);
        if let Some(refused) = self.refuses(&jobs, now) {
            return KeyedJobs::Refused(refused);
        }
        // Of jobs that are the same the last one replaces those before it.
        let replaces = jobs
            .iter()
            .any(|job| conflict(job) == Some(Conflict::Replace));
        if replaces {
            jobs.reverse();
        }
        let mut seen: HashMap<Vec<u8>, JobId> = HashMap::new();
        let mut done: Vec<_> = jobs
            .into_iter()
            .map(|job| match job.key.clone() {
                None => (self.add(&enqueue, job, now), Enqueued::New),
                Some(key) => {
                    if let Some(same) = seen.get(&key.key) {
                        (*same, Enqueued::Existing)
                    } else {
                        let name = key.key.clone();
                        let added = self.add_keyed(&enqueue, job, *key, now);
                        seen.insert(name, added.0);
                        added
                    }
                }
            })
            .collect();
        if replaces {
            done.reverse();
        }
        KeyedJobs::Enqueued(done)
    }

    /// The job that is in the way of jobs of which none is to be added then.
    fn refuses(&self, jobs: &[NewJob], now: DateTime<Utc>) -> Option<Option<JobId>> {
        let mut keys: Vec<&[u8]> = Vec::new();
        for key in jobs.iter().filter_map(|job| job.key.as_deref()) {
            if key.conflict == Conflict::Raise {
                if let Some(holder) = self.holder(&key.key, now) {
                    return Some(Some(holder));
                }
                if keys.contains(&key.key.as_slice()) {
                    return Some(None);
                }
                keys.push(&key.key);
            }
        }
        None
    }

    fn add_keyed(
        &mut self,
        enqueue: &Enqueue,
        job: NewJob,
        key: NewKey,
        now: DateTime<Utc>,
    ) -> (JobId, Enqueued) {
        let (id, enqueued) = match self.holder(&key.key, now) {
            None => (self.add(enqueue, job, now), Enqueued::New),
            Some(holder) if key.conflict == Conflict::Replace && self.withdraw(holder) => {
                self.add_as(holder, enqueue, job, now);
                (holder, Enqueued::Replaced)
            }
            Some(holder) => return (holder, Enqueued::Existing),
        };
        let until = key.within.map(|time| after(now, time));
        self.keys.0.insert(key.key, Holder { job: id, until });
        (id, enqueued)
    }

    /// The job that holds a key.
    fn holder(&self, key: &[u8], now: DateTime<Utc>) -> Option<JobId> {
        let holder = self.keys.0.get(key)?;
        self.holds(holder, now).then_some(holder.job)
    }

    fn holds(&self, holder: &Holder, now: DateTime<Utc>) -> bool {
        match holder.until {
            Some(until) => until > now,
            None => self.record(holder.job).is_some_and(Record::is_unfinished),
        }
    }

    /// Lets go of the keys that a job holds until it has ended.
    pub(super) fn free_unique_keys(&mut self, job: JobId) {
        let holds = |record: &Record| record.marks.has(Marks::UNIQUE);
        if !self.record(job).is_some_and(holds) {
            return;
        }
        let others = |holder: &Holder| holder.job != job || holder.until.is_some();
        self.keys.0.retain(|_, holder| others(holder));
    }

    /// Forgets the keys that nobody holds any more.
    pub(super) fn prune_unique_keys(&mut self, now: DateTime<Utc>) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.0.retain(|_, holder| self.holds(holder, now));
        self.keys = keys;
    }

    /// Takes a job away that waits and of which no attempt has begun.
    fn withdraw(&mut self, job: JobId) -> bool {
        let waits = self.record(job).is_some_and(|record| {
            !record.marks.has(Marks::BEGUN)
                && matches!(record.stage, Stage::Scheduled { .. } | Stage::Ready)
        });
        if waits {
            self.take_out(job);
            self.give_up_keys(job);
        }
        waits
    }
}

fn conflict(job: &NewJob) -> Option<Conflict> {
    job.key.as_ref().map(|key| key.conflict)
}
