//! The state and its operations: no lock, no clock, nothing async.

mod attempts;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::after;
use super::control::Pauses;
use super::keys::KeyPermits;
use super::limit::Limits;
use super::ready::Ready;
use super::record::{Record, Stage, StoredResult};
use super::schedule::Schedules;
use super::unique::Keys;
use crate::driver::{
    AttemptOutcome, Claim, Claimed, ClaimedJob, Completion, DeadJob, End, Ending, HeldInput,
    HistoryReport, Promoted, Rescued, Wake, WorkerId, WorkerInfo,
};
use crate::job::{Job, JobId, JobState, Marks, Retain};

/// The error of an attempt whose worker died.
const WORKER_DIED: &str = "the worker died";

/// Every job, worker and schedule of one in-process storage.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) jobs: BTreeMap<JobId, Record>,
    pub(super) scheduled: BTreeSet<(DateTime<Utc>, JobId)>,
    pub(super) ready: Ready,
    pub(super) keys: Keys,
    workers: BTreeMap<WorkerId, Worker>,
    pub(super) schedules: Schedules,
    pub(super) paused: Pauses,
    pub(super) limits: Limits,
    pub(super) key_permits: KeyPermits,
    /// The last number that was given: to a job, or to its return to the ready ones.
    pub(super) sequence: i64,
    /// What listeners are to be told.
    wakes: Vec<Wake>,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) info: WorkerInfo,
    pub(super) started_at: DateTime<Utc>,
    pub(super) heartbeat_at: DateTime<Utc>,
    pub(super) lease_end: DateTime<Utc>,
    /// Claims of lower numbers take nothing any more.
    claims_from: i64,
    /// The suspect that it runs, or has run last.
    trial: Option<JobId>,
    /// How many jobs it ran at its last heartbeat.
    pub(super) running: usize,
    held: BTreeSet<JobId>,
}

// Jobs.
impl Store {
    pub(super) fn find(&self, job: JobId) -> Option<Job> {
        self.jobs.get(&job).map(Record::to_job)
    }

    pub(super) fn record(&self, job: JobId) -> Option<&Record> {
        self.jobs.get(&job)
    }

    pub(super) fn record_mut(&mut self, job: JobId) -> Option<&mut Record> {
        self.jobs.get_mut(&job)
    }

    pub(super) fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.jobs.values()
    }

    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    pub(super) fn claim(&mut self, claim: &Claim, now: DateTime<Utc>) -> Claimed {
        let Some(worker) = self.workers.get_mut(&claim.worker) else {
            return Claimed::LeaseLost;
        };
        if worker.lease_end <= now || claim.number < worker.claims_from {
            return Claimed::LeaseLost;
        }
        let mut claimed = Vec::new();
        for id in self.ready.take(claim) {
            if let Some(record) = self.jobs.get_mut(&id) {
                claimed.push(record.deliver(claim, now));
                worker.held.insert(id);
            }
        }
        Claimed::Jobs(claimed)
    }

    /// Hands out a ready job.
    pub(super) fn deliver(
        &mut self,
        job: JobId,
        claim: &Claim,
        now: DateTime<Utc>,
    ) -> Option<ClaimedJob> {
        let record = self.jobs.get_mut(&job)?;
        self.ready.remove(record);
        self.workers.get_mut(&claim.worker)?.held.insert(job);
        Some(record.deliver(claim, now))
    }

    pub(super) fn inputs(&self, worker: WorkerId, jobs: &[(JobId, i64)]) -> Vec<HeldInput> {
        jobs.iter()
            .filter_map(|(job, claim)| {
                let record = self.jobs.get(job)?;
                record.is_held_by(worker, *claim).then(|| HeldInput {
                    job: *job,
                    input: Some(record.input.clone()),
                })
            })
            .collect()
    }

    pub(super) fn complete(
        &mut self,
        worker: WorkerId,
        completions: &[Completion],
        now: DateTime<Utc>,
    ) -> usize {
        let mut count = 0;
        for completion in completions {
            if let Some(record) = self.take_back(worker, completion.job, completion.claim) {
                record.error = None;
                let retain = completion.retain;
                let result = completion.result.clone().map(|value| StoredResult {
                    value,
                    retention: retain.result,
                });
                record.finish(JobState::Completed, retain.completed, result, now);
                count += 1;
            }
        }
        if count > 0 {
            self.wake(Wake::Finished);
        }
        count
    }

    pub(super) fn end(
        &mut self,
        worker: WorkerId,
        endings: &[Ending],
        now: DateTime<Utc>,
    ) -> usize {
        let mut count = 0;
        for ending in endings {
            let Some(record) = self.take_back(worker, ending.job, ending.claim) else {
                continue;
            };
            count += 1;
            record.error.clone_from(&ending.error);
            if !matches!(ending.end, End::Unstarted(_)) {
                record.begun();
                record.suspect(false);
            }
            if matches!(
                ending.end,
                End::Expired | End::Release(_) | End::Unstarted(_)
            ) {
                record.give_attempt_back();
            }
            if matches!(ending.end, End::Retry(_)) {
                let error = ending.error.clone();
                record.note(AttemptOutcome::Failed, error, ending.retention, now);
            }
            match ending.end {
                End::Failed => record.finish(JobState::Failed, ending.retention, None, now),
                End::Cancelled => {
                    record.finish(JobState::Cancelled, ending.retention, None, now);
                }
                End::Expired => record.finish(JobState::Expired, ending.retention, None, now),
                End::Retry(_) | End::Release(_) | End::Unstarted(_)
                    if self.cancel_if_requested(ending.job, now) => {}
                End::Release(Duration::ZERO) | End::Unstarted(Duration::ZERO) => {
                    self.make_ready(ending.job);
                }
                End::Retry(delay) | End::Release(delay) | End::Unstarted(delay) => {
                    self.schedule(ending.job, after(now, delay));
                }
            }
        }
        if count > 0 {
            self.wake(Wake::Finished);
        }
        count
    }

    pub(super) fn promote(&mut self, limit: usize, now: DateTime<Utc>) -> Promoted {
        let due: Vec<_> = self
            .scheduled
            .iter()
            .take_while(|&&(run_at, _)| run_at <= now)
            .take(limit)
            .copied()
            .collect();
        for place in &due {
            self.scheduled.remove(place);
            self.make_ready(place.1);
        }
        let next = self.scheduled.first();
        Promoted {
            jobs: due.len(),
            next: next.map(|&(run_at, _)| (run_at - now).to_std().unwrap_or_default()),
        }
    }

    /// Forgets what has been kept for long enough.
    pub(super) fn prune(&mut self, now: DateTime<Utc>) -> HistoryReport {
        let before = self.jobs.len();
        self.jobs.retain(|_, record| !record.has_expired(now));
        self.prune_unique_keys(now);
        HistoryReport {
            dropped: before - self.jobs.len(),
            ..HistoryReport::default()
        }
    }

    pub(super) fn horizon(&self) -> i64 {
        self.sequence + 1
    }

    pub(super) fn unknown_task(&self, queue: &str, tasks: &[String]) -> Option<String> {
        self.ready.unknown_task(queue, tasks)
    }

    pub(super) fn unknown_input(
        &self,
        queue: &str,
        tasks: &[String],
        fingerprints: &[i64],
    ) -> Option<(String, i64)> {
        self.ready.unknown_input(queue, tasks, fingerprints)
    }
}

// Workers.
impl Store {
    pub(super) fn register_worker(&mut self, worker: &WorkerInfo, now: DateTime<Utc>) -> bool {
        let free = !self.workers.contains_key(&worker.id);
        if free {
            let row = Worker {
                info: worker.clone(),
                started_at: now,
                heartbeat_at: now,
                lease_end: after(now, worker.lease),
                claims_from: 0,
                trial: None,
                running: 0,
                held: BTreeSet::new(),
            };
            self.workers.insert(worker.id, row);
        }
        free
    }

    pub(super) fn serve_queues(&mut self, worker: WorkerId, queues: &[String]) {
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.info.queues = queues.to_vec();
        }
    }

    pub(super) fn heartbeat(
        &mut self,
        worker: WorkerId,
        lease: Duration,
        running: usize,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(row) = self.workers.get_mut(&worker) else {
            return false;
        };
        row.lease_end = after(now, lease);
        row.heartbeat_at = now;
        row.running = running;
        true
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = (&WorkerId, &Worker)> {
        self.workers.iter()
    }

    pub(super) fn stop_ticking(&mut self, worker: WorkerId) {
        if let Some(row) = self.workers.get_mut(&worker) {
            row.info.build.declarations.clear();
            row.info.build.ticks = false;
        }
    }

    pub(super) fn deregister_worker(&mut self, worker: WorkerId, now: DateTime<Utc>) {
        let Some(row) = self.workers.remove(&worker) else {
            return;
        };
        self.limits.forget(worker);
        for job in row.held {
            if let Some(record) = self.jobs.get_mut(&job) {
                record.give_attempt_back();
                record.begun();
                record.error = None;
                if !self.cancel_if_requested(job, now) {
                    self.make_ready(job);
                }
            }
        }
    }

    pub(super) fn fence_claims(&mut self, worker: WorkerId, from: i64) {
        if let Some(row) = self.workers.get_mut(&worker) {
            row.claims_from = row.claims_from.max(from);
        }
    }

    pub(super) fn held(&self, worker: WorkerId) -> Vec<(JobId, i64)> {
        let jobs = self.workers.get(&worker).map(|row| &row.held);
        jobs.into_iter()
            .flatten()
            .filter_map(|job| match self.jobs.get(job)?.stage {
                Stage::Running { claim, .. } => Some((*job, claim)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn try_suspect(&mut self, worker: WorkerId, job: JobId) -> bool {
        let row = self.workers.get_mut(&worker);
        row.map(|row| row.trial = Some(job)).is_some()
    }

    pub(super) fn rescue(&mut self, blame_max: i16, now: DateTime<Utc>) -> Rescued {
        let mut dead = Vec::new();
        for (worker, row) in self.workers.extract_if(.., |_, row| row.lease_end <= now) {
            self.limits.forget(worker);
            dead.push(row);
        }
        let mut rescued = Rescued {
            workers: dead.len(),
            ..Rescued::default()
        };
        // In the order of their ids, whoever held them.
        let mut jobs = BTreeMap::new();
        for row in dead {
            for job in &row.held {
                let is_tried = row.trial == Some(*job) && self.is_suspect(*job);
                jobs.insert(*job, is_tried || row.held.len() == 1);
            }
        }
        for (job, is_to_blame) in jobs {
            let Some(record) = self.jobs.get_mut(&job) else {
                continue;
            };
            let error = Some(WORKER_DIED.to_owned());
            record.note(AttemptOutcome::Lost, error, Retain::DEFAULT.failed, now);
            record.begun();
            record.deaths = record.deaths.saturating_add(1);
            record.blame += i16::from(is_to_blame);
            record.suspect(record.deaths > 1);
            let blame = record.blame;
            record.error = None;
            let is_dead = blame >= blame_max && !record.cancel_requested;
            if !is_dead {
                record.attempt -= 1;
            }
            if self.cancel_if_requested(job, now) {
                rescued.cancelled += 1;
            } else if blame < blame_max {
                self.make_ready(job);
                rescued.ready += 1;
            } else if let Some(record) = self.jobs.get_mut(&job) {
                let error = format!("{blame} workers died of this job");
                record.error = Some(error.clone());
                record.finish(JobState::Failed, Retain::DEFAULT.failed, None, now);
                rescued.failed.push(DeadJob {
                    job,
                    queue: record.queue.clone(),
                    task: record.task.clone(),
                    error,
                });
            }
        }
        if !rescued.failed.is_empty() || rescued.cancelled > 0 {
            self.wake(Wake::Finished);
        }
        rescued
    }

    fn is_suspect(&self, job: JobId) -> bool {
        let record = self.jobs.get(&job);
        record.is_some_and(|record| record.marks.has(Marks::SUSPECT))
    }
}

// Moves that several operations share.
impl Store {
    pub(super) fn take_wakes(&mut self) -> Vec<Wake> {
        std::mem::take(&mut self.wakes)
    }

    pub(super) fn next_number(&mut self) -> i64 {
        self.sequence += 1;
        self.sequence
    }

    /// Puts a job at the end of its line, under a number of its own.
    pub(super) fn make_ready(&mut self, job: JobId) {
        let number = self.next_number();
        self.make_ready_as(job, number);
    }

    pub(super) fn make_ready_as(&mut self, job: JobId, number: i64) {
        if let Some(record) = self.jobs.get_mut(&job) {
            record.stage = Stage::Ready;
            self.ready.insert(record, number);
            let wake = Wake::Ready(record.queue.clone());
            self.wake(wake);
        }
    }

    pub(super) fn schedule(&mut self, job: JobId, run_at: DateTime<Utc>) {
        if let Some(record) = self.jobs.get_mut(&job) {
            record.stage = Stage::Scheduled { run_at };
            self.scheduled.insert((run_at, job));
            self.wake(Wake::Scheduled);
        }
    }

    /// Tells listeners once of what happened several times in one operation.
    pub(super) fn wake(&mut self, wake: Wake) {
        if self.wakes.last() != Some(&wake) {
            self.wakes.push(wake);
        }
    }

    /// Takes a running job from a worker, if it holds it under that claim.
    fn take_back(&mut self, worker: WorkerId, job: JobId, claim: i64) -> Option<&mut Record> {
        let record = self.jobs.get_mut(&job)?;
        if !record.is_held_by(worker, claim) {
            return None;
        }
        if let Some(row) = self.workers.get_mut(&worker) {
            row.held.remove(&job);
        }
        Some(record)
    }
}
