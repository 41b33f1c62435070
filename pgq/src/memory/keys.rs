//! Claims of jobs that have keys.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::record::{Record, Stage};
use super::store::Store;
use crate::driver::{Claim, Claimed, KeyAsk};
use crate::job::{JobId, Marks};
use crate::limit::{Bucket, Candidate, FleetRate, KeyKind, KeyMax, KeyState, Served, admit};

/// Which jobs hold each key, and which wait for it.
#[derive(Debug, Default)]
pub(super) struct KeyPermits {
    held: BTreeMap<i64, BTreeMap<JobId, KeyKind>>,
    waiting: BTreeMap<i64, BTreeMap<JobId, KeyKind>>,
    /// The tokens of keys of rates, and when each is full. One that is not here is.
    buckets: BTreeMap<i64, (Bucket, i64)>,
}

/// What came of a claim by keys.
pub(super) struct Keyed {
    pub(super) claimed: Claimed,
    /// There are more that could start.
    pub(super) more: bool,
    /// How long it is until one that waits has a token.
    pub(super) turn: Option<Duration>,
}

impl Store {
    /// Claims up to `limit` jobs whose keys are free. The others stay where they are: it costs little to
    /// look at them again.
    pub(super) fn claim_by_keys(
        &mut self,
        claim: &Claim,
        keys: &KeyAsk,
        now: DateTime<Utc>,
    ) -> Keyed {
        let none = Claim {
            limit: 0,
            ..claim.clone()
        };
        if let Claimed::LeaseLost = self.claim(&none, now) {
            return Keyed {
                claimed: Claimed::LeaseLost,
                more: false,
                turn: None,
            };
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
        let all = |max: Option<u32>| max.and_then(|max| usize::try_from(max).ok());
        let max = KeyMax {
            running: all(keys.running).unwrap_or(usize::MAX),
            burst: all(keys.rate.map(|rate| rate.burst)).unwrap_or(usize::MAX),
        };
        let mut states = self.key_states(&candidates);
        if let Some(rate) = keys.rate {
            self.refill(rate, &candidates, &mut states, now);
        }
        let admissions = admit(&candidates, &mut states, max, &Served::new());
        let (mut jobs, mut more, mut waits) = (Vec::new(), false, Vec::new());
        for admission in admissions {
            let job = JobId::from_i64(admission.job);
            if jobs.len() == claim.limit {
                more |= admission.waits.is_none();
                continue;
            }
            let token = admission.rate();
            for permit in admission.permits().filter(|permit| permit.held) {
                let held = self.key_permits.held.entry(permit.key).or_default();
                held.insert(job, permit.kind);
            }
            match admission.waits {
                None => {
                    if let (Some(key), Some(rate)) = (token, keys.rate) {
                        self.take_token(key, rate);
                    }
                    jobs.extend(self.deliver(job, claim, now));
                }
                Some((key, kind)) => {
                    let waiting = self.key_permits.waiting.entry(key).or_default();
                    waiting.insert(job, kind);
                    waits.extend((kind == KeyKind::Rate).then_some(key));
                }
            }
        }
        let buckets = &self.key_permits.buckets;
        let turn = keys.rate.and_then(|rate| {
            let waited_for = waits.iter().filter_map(|key| buckets.get(key));
            waited_for.map(|(bucket, _)| bucket.next(rate)).min()
        });
        Keyed {
            claimed: Claimed::Jobs(jobs),
            more,
            turn,
        }
    }

    fn take_token(&mut self, key: i64, rate: FleetRate) {
        if let Some((bucket, full_at)) = self.key_permits.buckets.get_mut(&key) {
            *bucket = bucket.take(1);
            let full = i64::try_from(bucket.full(rate).as_micros()).unwrap_or(i64::MAX);
            *full_at = bucket.at.saturating_add(full);
        }
    }

    /// Says how many tokens are missing, and forgets buckets that are full.
    fn refill(
        &mut self,
        rate: FleetRate,
        candidates: &[Candidate],
        states: &mut HashMap<i64, KeyState>,
        now: DateTime<Utc>,
    ) {
        let now = now.timestamp_micros();
        let buckets = &mut self.key_permits.buckets;
        buckets.retain(|_, (_, full_at)| *full_at > now);
        for key in candidates.iter().filter_map(|candidate| candidate.rate) {
            let full = (Bucket { debt: 0, at: now }, now);
            let (bucket, _) = buckets.entry(key).or_insert(full);
            *bucket = bucket.refill(rate, now);
            let tokens = bucket.tokens(rate);
            let missing = rate.burst.saturating_sub(tokens);
            states.entry(key).or_default().holders = usize::try_from(missing).unwrap_or(usize::MAX);
        }
    }

    fn candidate(&self, job: JobId) -> Candidate {
        let record = self.record(job);
        let detail = record.and_then(|record| record.detail.as_deref());
        Candidate {
            job: job.as_i64(),
            order: detail.and_then(|detail| detail.order_key),
            concurrency: detail.and_then(|detail| detail.concurrency_key),
            rate: detail.and_then(|detail| detail.rate_key),
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
        let KeyPermits { held, waiting, .. } = &mut self.key_permits;
        for jobs in held.values_mut().chain(waiting.values_mut()) {
            jobs.remove(&job);
        }
    }

    /// Of a key that keeps an order nobody passes one that waits for another worker.
    fn key_states(&self, candidates: &[Candidate]) -> HashMap<i64, KeyState> {
        let KeyPermits { held, waiting, .. } = &self.key_permits;
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
        (Stage::Running { .. }, KeyKind::Order | KeyKind::Concurrency)
        | (Stage::Ready, KeyKind::Order) => true,
        (Stage::Scheduled { .. }, KeyKind::Order) => {
            record.attempt > 0 || record.marks.has(Marks::BEGUN)
        }
        (_, KeyKind::Rate)
        | (Stage::Scheduled { .. } | Stage::Ready, KeyKind::Concurrency)
        | (Stage::Finished { .. }, _) => false,
    }
}
