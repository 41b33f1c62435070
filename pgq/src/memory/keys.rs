//! Claims of jobs that have keys.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::record::{Record, Stage};
use super::store::Store;
use crate::driver::{Claim, Claimed, KeyAsk};
use crate::job::{JobId, Marks};
use crate::limit::{Candidate, KeyKind, KeyState, admit};

/// Which jobs hold each key, and which wait for it.
#[derive(Debug, Default)]
pub(super) struct KeyPermits {
    held: BTreeMap<i64, BTreeMap<JobId, KeyKind>>,
    waiting: BTreeMap<i64, BTreeMap<JobId, KeyKind>>,
}

impl Store {
    /// Claims up to `limit` jobs whose keys are free, and tells whether there are more that could start.
    /// The others stay where they are: it costs little to look at them again.
    pub(super) fn claim_by_keys(
        &mut self,
        claim: &Claim,
        keys: &KeyAsk,
        now: DateTime<Utc>,
    ) -> (Claimed, bool) {
        let none = Claim {
            limit: 0,
            ..claim.clone()
        };
        if let Claimed::LeaseLost = self.claim(&none, now) {
            return (Claimed::LeaseLost, false);
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
        let mut states = self.key_states(&candidates);
        let admissions = admit(&candidates, &mut states, running.unwrap_or(usize::MAX));
        let mut jobs = Vec::new();
        for admission in admissions {
            let job = JobId::from_i64(admission.job);
            if jobs.len() == claim.limit {
                if admission.waits.is_none() {
                    return (Claimed::Jobs(jobs), true);
                }
                continue;
            }
            for (key, kind) in admission.keys {
                let held = self.key_permits.held.entry(key).or_default();
                held.insert(job, kind);
            }
            match admission.waits {
                None => jobs.extend(self.deliver(job, claim, now)),
                Some((key, kind)) => {
                    let waiting = self.key_permits.waiting.entry(key).or_default();
                    waiting.insert(job, kind);
                }
            }
        }
        (Claimed::Jobs(jobs), false)
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

    /// Higher priorities first, then in the order of the enqueues.
    fn place(&self, job: i64) -> Option<(Reverse<i16>, i64)> {
        let record = self.record(JobId::from_i64(job))?;
        Some((Reverse(record.priority), job))
    }

    /// Forgets who does not hold a key any more, and who does not wait for it.
    fn release_freed(&mut self) {
        let mut permits = std::mem::take(&mut self.key_permits);
        let holds = |job: &JobId, kind: &mut KeyKind| {
            self.record(*job).is_some_and(|record| holds(record, *kind))
        };
        permits.held.retain(|_, jobs| {
            jobs.retain(holds);
            !jobs.is_empty()
        });
        let waits = |job: &JobId, _: &mut KeyKind| {
            let stage = self.record(*job).map(|record| &record.stage);
            matches!(stage, Some(Stage::Ready))
        };
        permits.waiting.retain(|_, jobs| {
            jobs.retain(waits);
            !jobs.is_empty()
        });
        self.key_permits = permits;
    }

    /// Lets go of the keys by which the job was to start.
    pub(super) fn give_up_keys(&mut self, job: JobId) {
        let KeyPermits { held, waiting } = &mut self.key_permits;
        for jobs in held.values_mut().chain(waiting.values_mut()) {
            jobs.remove(&job);
        }
    }

    /// Of a key that keeps an order nobody passes one that waits for another worker.
    fn key_states(&self, candidates: &[Candidate]) -> HashMap<i64, KeyState> {
        let KeyPermits { held, waiting } = &self.key_permits;
        let mut first: HashMap<i64, i64> = HashMap::new();
        for candidate in candidates {
            if let Some(key) = candidate.order {
                first.entry(key).or_insert(candidate.job);
            }
        }
        let mut states: HashMap<i64, KeyState> = HashMap::new();
        for (key, jobs) in held {
            let state = states.entry(*key).or_default();
            state.holders = jobs.len();
            state.own = jobs.keys().copied().map(JobId::as_i64).collect();
        }
        for (key, jobs) in waiting {
            let first = first.get(key).and_then(|job| self.place(*job));
            let is_passed = |(job, kind): (&JobId, &KeyKind)| {
                *kind == KeyKind::Order && self.place(job.as_i64()) < first
            };
            states.entry(*key).or_default().waited_for = jobs.iter().any(is_passed);
        }
        states
    }
}

/// Whether a job holds its key still: one that keeps an order until the job has ended, or is put off before
/// it has begun; another one while the job runs.
fn holds(record: &Record, kind: KeyKind) -> bool {
    match (&record.stage, kind) {
        (Stage::Running { .. }, _) | (Stage::Ready, KeyKind::Order) => true,
        (Stage::Scheduled { .. }, KeyKind::Order) => {
            record.attempt > 0 || record.marks.has(Marks::BEGUN)
        }
        (Stage::Scheduled { .. } | Stage::Ready, KeyKind::Concurrency)
        | (Stage::Finished { .. }, _) => false,
    }
}
