//! Suspects: jobs that more than one worker died with.
//!
//! Of those a worker holds one at a time. So if it dies, it is known which one is to blame, and the others
//! are not: a job that kills its workers ends as a dead letter, and those that were beside it run.

use std::time::{Duration, Instant};

use super::{Board, Stage};
use crate::driver::ClaimedJob;
use crate::job::{JobId, Marks};

/// How long a suspect goes back for at least, that was claimed beside another.
const AWAY_MIN: Duration = Duration::from_secs(1);

/// How long at most.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// The suspect that is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    job: JobId,
    claim: i64,
    since: Instant,
}

/// Suspects that a worker has no use for while it holds another.
#[derive(Debug, Default)]
pub(crate) struct Surplus {
    /// They count as ending.
    pub(crate) jobs: Vec<ClaimedJob>,
    /// For how long they are to go back: as long as the other has been held, so that a short one holds
    /// them up for a moment, and a long one does not move them about all the time.
    pub(crate) away: Duration,
}

impl Board {
    /// Keeps one suspect at most, and takes out the others.
    pub(super) fn keep_one_suspect(&mut self, jobs: &mut Vec<ClaimedJob>, now: Instant) -> Surplus {
        if !jobs.iter().any(|job| job.marks.has(Marks::SUSPECT)) {
            return Surplus::default();
        }
        let is_surplus = |job: &mut ClaimedJob| {
            if !job.marks.has(Marks::SUSPECT) {
                return false;
            }
            let is_surplus = self.trial.is_some();
            let (job, claim) = (job.id, job.claim);
            let since = now;
            self.trial.get_or_insert(Trial { job, claim, since });
            is_surplus
        };
        let surplus: Vec<ClaimedJob> = jobs.extract_if(.., is_surplus).collect();
        for job in &surplus {
            self.set_stage(job.id, job.claim, Stage::Ending);
        }
        let held = self
            .trial
            .map(|trial| now.saturating_duration_since(trial.since));
        Surplus {
            jobs: surplus,
            away: held.unwrap_or_default().clamp(AWAY_MIN, AWAY_MAX),
        }
    }

    /// A job is not held any more.
    pub(super) fn end_trial(&mut self, job: JobId, claim: i64) {
        let is_it = |trial: &mut Trial| (trial.job, trial.claim) == (job, claim);
        self.trial.take_if(is_it);
    }
}
