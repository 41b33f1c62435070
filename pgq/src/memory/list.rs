//! Looking at many jobs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::store::Store;
use crate::driver::{Count, JobCounts, ListedJobs, Listing, Position, QueuedInput, WaitingJobs};
use crate::job::{Job, JobState};

impl Store {
    pub(super) fn list(&self, listing: &Listing) -> ListedJobs {
        // Jobs that are looked up are listed by their ids.
        let is_looked_up = listing.jobs.is_some() || listing.tag.is_some();
        let by_line = listing.state == JobState::Ready && !is_looked_up;
        let mut found: Vec<(i64, Job)> = if by_line {
            self.ready()
                .jobs()
                .filter_map(|(sequence, id)| Some((sequence, self.find(id)?)))
                .collect()
        } else {
            self.records()
                .map(|record| (record.id.as_i64(), record.to_job()))
                .collect()
        };
        let before = listing.after.map_or(i64::MAX, Position::as_i64);
        found.retain(|(position, job)| *position < before && listing.matches(job));
        found.sort_by_key(|(position, _)| Reverse(*position));
        found.truncate(listing.limit);
        let full = found.len() == listing.limit;
        let last = found.last().map(|(position, _)| *position);
        ListedJobs {
            jobs: found.into_iter().map(|(_, job)| job).collect(),
            next: last.filter(|_| full).map(Position::from_i64),
        }
    }

    pub(super) fn queued_inputs(&self, limit: usize) -> Vec<QueuedInput> {
        let mut looked = [0; JobState::ALL.len()];
        let mut inputs: BTreeMap<(usize, String, Option<i64>), u64> = BTreeMap::new();
        for record in self.records().filter(|record| !record.is_finished()) {
            let job = record.to_job();
            let state = job.state as usize;
            if looked[state] < limit {
                looked[state] += 1;
                let key = (state, job.task, record.fingerprint());
                *inputs.entry(key).or_default() += 1;
            }
        }
        let input = |((state, task, fingerprint), jobs)| QueuedInput {
            state: JobState::ALL[state],
            task,
            fingerprint,
            jobs,
        };
        inputs.into_iter().map(input).collect()
    }

    pub(super) fn count(&self, now: DateTime<Utc>) -> JobCounts {
        let exact = |jobs: u64| Count {
            jobs,
            is_exact: true,
        };
        let mut states = [0; JobState::ALL.len()];
        let mut queues: BTreeMap<String, (u64, DateTime<Utc>)> = BTreeMap::new();
        for job in self.records().map(super::record::Record::to_job) {
            states[job.state as usize] += 1;
            if job.state == JobState::Ready {
                let (jobs, since) = queues.entry(job.queue).or_insert((0, job.created_at));
                *jobs += 1;
                *since = job.created_at.min(*since);
            }
        }
        JobCounts {
            states: JobState::ALL
                .into_iter()
                .zip(states)
                .map(|(state, jobs)| (state, exact(jobs)))
                .collect(),
            queues: queues
                .into_iter()
                .map(|(queue, (jobs, since))| WaitingJobs {
                    queue,
                    ready: exact(jobs),
                    waited: (now - since).to_std().unwrap_or_default(),
                })
                .collect(),
        }
    }
}
