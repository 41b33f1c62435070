//! Claims of jobs that have keys.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::record::Stage;
use super::store::Store;
use crate::driver::{Claim, Claimed, KeyAsk};
use crate::job::JobId;
use crate::limit::{Candidate, KeyKind, KeyState, admit};

/// Which jobs hold each key.
pub(super) type KeyPermits = BTreeMap<i64, BTreeMap<JobId, KeyKind>>;

impl Store {
    /// Claims up to `limit` jobs whose keys are free. The others stay where they are: it costs little to
    /// look at them again.
    pub(super) fn claim_by_keys(
        &mut self,
        claim: &Claim,
        keys: &KeyAsk,
        now: DateTime<Utc>,
    ) -> Claimed {
        let none = Claim {
            limit: 0,
            ..claim.clone()
        };
        if let Claimed::LeaseLost = self.claim(&none, now) {
            return Claimed::LeaseLost;
        }
        self.release_freed();
        let all = Claim {
            limit: usize::MAX,
            ..claim.clone()
        };
        let candidates: Vec<Candidate> = self
            .ready()
            .first(&all)
            .into_iter()
            .map(|job| self.candidate(job))
            .collect();
        let running = keys.running.and_then(|max| usize::try_from(max).ok());
        let mut states = self.key_states();
        let admissions = admit(&candidates, &mut states, running.unwrap_or(usize::MAX));
        let mut jobs = Vec::new();
        for admission in admissions {
            if jobs.len() == claim.limit {
                break;
            }
            let job = JobId::from_i64(admission.job);
            for (key, kind) in admission.keys {
                self.key_permits.entry(key).or_default().insert(job, kind);
            }
            if admission.waits.is_none() {
                jobs.extend(self.deliver(job, claim, now));
            }
        }
        Claimed::Jobs(jobs)
    }

    fn candidate(&self, job: JobId) -> Candidate {
        let record = self.record(job);
        let detail = record.and_then(|record| record.detail.as_deref());
        Candidate {
            job: job.as_i64(),
            order: detail.and_then(|detail| detail.order_key),
            concurrency: detail.and_then(|detail| detail.concurrency_key),
        }
    }

    /// A key that keeps an order is held until its job has ended, another one while the job runs.
    fn release_freed(&mut self) {
        let mut permits = std::mem::take(&mut self.key_permits);
        permits.retain(|_, jobs| {
            jobs.retain(|job, kind| {
                let stage = self.record(*job).map(|record| &record.stage);
                match kind {
                    KeyKind::Order => {
                        stage.is_some_and(|stage| !matches!(stage, Stage::Finished { .. }))
                    }
                    KeyKind::Concurrency => matches!(stage, Some(Stage::Running { .. })),
                }
            });
            !jobs.is_empty()
        });
        self.key_permits = permits;
    }

    /// Lets go of the keys by which the job was to start.
    pub(super) fn give_up_keys(&mut self, job: JobId) {
        for jobs in self.key_permits.values_mut() {
            jobs.remove(&job);
        }
    }

    fn key_states(&self) -> HashMap<i64, KeyState> {
        let state = |jobs: &BTreeMap<JobId, KeyKind>| KeyState {
            holders: jobs.len(),
            own: jobs.keys().copied().map(JobId::as_i64).collect(),
            waited_for: false,
        };
        let states = self.key_permits.iter();
        states.map(|(key, jobs)| (*key, state(jobs))).collect()
    }
}
