//! One job as the store keeps it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::attempts::PastAttempts;
use super::clock::after;
use crate::driver::{
    AttemptOutcome, Claim, ClaimedInput, ClaimedJob, Enqueue, NewJob, NewLog, Progress, Start,
    WorkerId,
};
use crate::job::{Detail, Expires, Job, JobId, JobState, Marks, Retention, is_kept_apart};
use crate::logs::AttemptLog;

#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: JobId,
    pub(super) task: String,
    pub(super) queue: String,
    pub(super) priority: i16,
    pub(super) attempt: i16,
    max_attempts: i16,
    deliveries: i32,
    pub(super) deaths: i16,
    /// For how many of them it is to blame.
    pub(super) blame: i16,
    fingerprint: Option<i64>,
    pub(super) input: Vec<u8>,
    created_at: DateTime<Utc>,
    is_due_at_once: bool,
    pub(super) error: Option<String>,
    /// Whether somebody has asked for the job to be cancelled while it runs.
    pub(super) cancel_requested: bool,
    pub(super) marks: Marks,
    pub(super) detail: Option<Box<Detail>>,
    /// What was logged, each with the delivery that it is of.
    pub(super) logs: Vec<(i32, AttemptLog)>,
    pub(super) progress: Option<Progress>,
    pub(super) stage: Stage,
    pub(super) past: PastAttempts,
}

/// Where a job is in its life, with what belongs to that part of it.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Scheduled {
        run_at: DateTime<Utc>,
    },
    Ready,
    Running {
        worker: WorkerId,
        claim: i64,
        claimed_at: DateTime<Utc>,
    },
    Finished {
        state: JobState,
        claimed_at: Option<DateTime<Utc>>,
        finished_at: DateTime<Utc>,
        /// How long the job is kept.
        retention: Retention,
        result: Option<StoredResult>,
    },
}

/// The result of a job, which is kept for a time of its own.
#[derive(Clone, Debug)]
pub(super) struct StoredResult {
    pub(super) value: Vec<u8>,
    pub(super) retention: Retention,
}

impl Record {
    /// Whether it waits, runs, or is to be tried again.
    pub(super) fn is_unfinished(&self) -> bool {
        !matches!(self.stage, Stage::Finished { .. })
    }

    /// A job that has not been put anywhere yet.
    pub(super) fn new(id: JobId, enqueue: &Enqueue, job: NewJob, now: DateTime<Utc>) -> Self {
        Self {
            marks: job.marks(),
            detail: job.detail.map(|detail| stored(detail, enqueue.start, now)),
            progress: None,
            id,
            task: enqueue.task.clone().into_owned(),
            queue: enqueue.queue.clone().into_owned(),
            priority: enqueue.priority,
            attempt: 0,
            max_attempts: enqueue.max_attempts,
            deliveries: 0,
            deaths: 0,
            blame: 0,
            fingerprint: enqueue.fingerprint,
            input: job.input,
            created_at: now,
            is_due_at_once: enqueue.start == Start::Now,
            error: None,
            cancel_requested: false,
            logs: Vec::new(),
            stage: Stage::Ready,
            past: PastAttempts::default(),
        }
    }

    pub(super) fn is_held_by(&self, holder: WorkerId, number: i64) -> bool {
        matches!(
            self.stage,
            Stage::Running { worker, claim, .. } if worker == holder && claim == number
        )
    }

    /// Keeps what the attempt has logged that runs, once.
    pub(super) fn keep_log(&mut self, log: &NewLog, now: DateTime<Utc>) {
        if self
            .logs
            .last()
            .is_none_or(|(of, _)| *of != self.deliveries)
        {
            let log = AttemptLog::new(log.attempt, now, log.text.clone());
            self.logs.push((self.deliveries, log));
        }
    }

    /// Says whether more than one worker has died with it.
    pub(super) fn suspect(&mut self, is_suspect: bool) {
        self.marks = match is_suspect {
            true => self.marks | Marks::SUSPECT,
            false => self.marks.without(Marks::SUSPECT),
        };
    }

    pub(super) fn fingerprint(&self) -> Option<i64> {
        self.fingerprint
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Finished { .. })
    }

    /// Hands the job to a worker: one delivery and one attempt.
    pub(super) fn deliver(&mut self, claim: &Claim, now: DateTime<Utc>) -> ClaimedJob {
        self.attempt = self.attempt.saturating_add(1);
        self.deliveries = self.deliveries.saturating_add(1);
        self.cancel_requested = false;
        self.stage = Stage::Running {
            worker: claim.worker,
            claim: claim.number,
            claimed_at: now,
        };
        ClaimedJob {
            id: self.id,
            claim: claim.number,
            task: Arc::from(self.task.as_str()),
            queue: Arc::clone(&claim.queue),
            priority: self.priority,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            deliveries: self.deliveries,
            fingerprint: self.fingerprint,
            input: match is_kept_apart(&self.input) {
                true => ClaimedInput::Apart {
                    bytes: self.input.len(),
                },
                false => ClaimedInput::Here(self.input.clone()),
            },
            marks: self.marks,
            detail: self.detail.clone(),
            expired: self.is_late(now),
            waited: match self.is_due_at_once && self.deliveries == 1 {
                true => (now - self.created_at).to_std().ok(),
                false => None,
            },
        }
    }

    /// Takes the job from its worker as if no attempt of it had been made.
    pub(super) fn give_attempt_back(&mut self) {
        self.attempt -= 1;
        self.stage = Stage::Ready;
    }

    /// Ends the job in `state`, and with it the attempt that runs, if one does.
    pub(super) fn finish(
        &mut self,
        state: JobState,
        retention: Retention,
        result: Option<StoredResult>,
        now: DateTime<Utc>,
    ) {
        let outcome = match state {
            JobState::Completed => AttemptOutcome::Completed,
            JobState::Cancelled => AttemptOutcome::Cancelled,
            _ => AttemptOutcome::Failed,
        };
        self.note(outcome, self.error.clone(), retention, now);
        let claimed_at = match self.stage {
            Stage::Running { claimed_at, .. } => Some(claimed_at),
            _ => None,
        };
        self.stage = Stage::Finished {
            state,
            claimed_at,
            finished_at: now,
            retention,
            result,
        };
    }

    /// Forgets the result and the attempts that have been kept for long enough. Returns `true` if the job has.
    pub(super) fn has_expired(&mut self, now: DateTime<Utc>) -> bool {
        self.prune_attempts(now);
        let Stage::Finished {
            finished_at,
            retention,
            result,
            ..
        } = &mut self.stage
        else {
            return false;
        };
        let ended = *finished_at;
        result.take_if(|result| after(ended, result.retention.duration()) <= now);
        after(ended, retention.duration()) <= now
    }

    pub(super) fn to_job(&self) -> Job {
        let mut job = Job {
            id: self.id,
            state: JobState::Ready,
            task: self.task.clone(),
            queue: self.queue.clone(),
            priority: self.priority,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            deliveries: self.deliveries,
            deaths: self.deaths,
            created_at: self.created_at,
            run_at: None,
            claimed_at: None,
            finished_at: None,
            result: None,
            // Of a job that is ready again nobody keeps why.
            error: match self.stage {
                Stage::Ready | Stage::Running { .. } => None,
                Stage::Scheduled { .. } | Stage::Finished { .. } => self.error.clone(),
            },
            detail: self.detail.clone(),
        };
        match self.stage.clone() {
            Stage::Scheduled { run_at } => {
                job.state = JobState::Scheduled;
                job.run_at = Some(run_at);
            }
            Stage::Ready => {}
            Stage::Running { claimed_at, .. } => {
                job.state = JobState::Running;
                job.claimed_at = Some(claimed_at);
            }
            Stage::Finished {
                state,
                claimed_at,
                finished_at,
                result,
                ..
            } => {
                job.state = state;
                job.claimed_at = claimed_at;
                job.finished_at = Some(finished_at);
                job.result = result.map(|result| result.value);
            }
        }
        job
    }
}

/// The detail of a job that is enqueued now.
fn stored(mut detail: Box<Detail>, start: Start, now: DateTime<Utc>) -> Box<Detail> {
    if let Some(Expires::After(time)) = detail.expires {
        let from = match start {
            Start::At(start) => start.max(now),
            Start::Now | Start::After(_) => now,
        };
        detail.expires = Some(Expires::At(after(from, time)));
    }
    detail
}
