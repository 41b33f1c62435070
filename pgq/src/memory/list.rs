//! Looking at many jobs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::store::Store;
use crate::driver::{Count, JobCounts, ListedJobs, Listing, Position, WaitingJobs};
use crate::job::{Job, JobState};

impl Store {
    pub(super) fn list(&self, listing: &Listing) -> ListedJobs {
        let mut found: Vec<(i64, Job)> = if listing.state == JobState::Ready {
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
        found.retain(|(position, job)| {
            *position < before
                && job.state == listing.state
                && listing
                    .queue
                    .as_ref()
                    .is_none_or(|queue| *queue == job.queue)
                && listing.task.as_ref().is_none_or(|task| *task == job.task)
        });
        found.sort_by_key(|(position, _)| Reverse(*position));
        found.truncate(listing.limit);
        let full = found.len() == listing.limit;
        let last = found.last().map(|(position, _)| *position);
        ListedJobs {
            jobs: found.into_iter().map(|(_, job)| job).collect(),
            next: last.filter(|_| full).map(Position::from_i64),
        }
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
