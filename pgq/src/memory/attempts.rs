//! The history of one job.

use chrono::{DateTime, Utc};

use super::clock::after;
use super::record::{Record, Stage};
use super::store::Store;
use crate::driver::{Attempt, AttemptOutcome};
use crate::job::{JobId, Retention};

/// The attempts of a job that have ended.
#[derive(Clone, Debug, Default)]
pub(super) struct PastAttempts {
    ended: Vec<Past>,
}

#[derive(Clone, Debug)]
struct Past {
    attempt: Attempt,
    claim: i64,
    ended_at: DateTime<Utc>,
    /// How long it is kept.
    retention: Retention,
}

impl Store {
    pub(super) fn attempts(&self, job: JobId) -> Vec<Attempt> {
        self.record(job).map_or_else(Vec::new, Record::attempts)
    }
}

impl Record {
    /// Notes how the running attempt ended. Of several notes the first counts.
    pub(super) fn note(
        &mut self,
        outcome: AttemptOutcome,
        error: Option<String>,
        retention: Retention,
        now: DateTime<Utc>,
    ) {
        let Some((mut attempt, claim)) = self.running_attempt() else {
            return;
        };
        let is_noted = |past: &Past| (past.attempt.worker, past.claim) == (attempt.worker, claim);
        if self.past.ended.last().is_some_and(is_noted) {
            return;
        }
        attempt.ended_at = Some(now);
        attempt.outcome = outcome;
        attempt.error = error;
        self.past.ended.push(Past {
            attempt,
            claim,
            ended_at: now,
            retention,
        });
    }

    /// Oldest first.
    fn attempts(&self) -> Vec<Attempt> {
        let ended = self.past.ended.iter().map(|past| past.attempt.clone());
        ended
            .chain(self.running_attempt().map(|(attempt, _)| attempt))
            .collect()
    }

    /// Forgets the attempts that have been kept for long enough.
    pub(super) fn prune_attempts(&mut self, now: DateTime<Utc>) {
        let is_kept = |past: &Past| after(past.ended_at, past.retention.duration()) > now;
        self.past.ended.retain(is_kept);
    }

    /// With the number of its claim.
    fn running_attempt(&self) -> Option<(Attempt, i64)> {
        let Stage::Running {
            worker,
            claim,
            claimed_at,
        } = self.stage
        else {
            return None;
        };
        let attempt = Attempt {
            number: self.attempt,
            worker,
            started_at: claimed_at,
            ended_at: None,
            outcome: AttemptOutcome::Running,
            error: None,
        };
        Some((attempt, claim))
    }
}
