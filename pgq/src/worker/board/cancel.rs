//! What is to be cancelled, or was lost, as the board sees it.

use std::collections::hash_map::Entry;
use std::time::Instant;

use super::{Board, Held, Stage};
use crate::driver::ClaimedJob;
use crate::job::JobId;
use crate::task::CancelReason;

impl Board {
    /// Cancels a job, if it is held under that claim and has not ended. One that waits is taken out,
    /// and counts as ending; one that runs is told, and must have ended by `until`. Doing it again does
    /// nothing more.
    pub(crate) fn cancel(
        &mut self,
        job: JobId,
        claim: i64,
        until: Option<Instant>,
    ) -> Option<ClaimedJob> {
        let held = self.held(job, claim)?;
        match &held.stage {
            Stage::Waiting => {
                held.stage = Stage::Ending;
                self.lines.iter_mut().find_map(|line| {
                    let taken = line.take_those(|waiting| waiting.job.id == job);
                    taken.into_iter().next()
                })
            }
            Stage::Running(Some(running)) | Stage::Completing(Some(running)) => {
                running.vital.cancel.fire(CancelReason::Cancelled);
                if let Some(until) = until {
                    running.vital.pulse.must_end(until);
                }
                None
            }
            // It is asked for again, or has ended.
            Stage::Running(None) | Stage::Completing(None) | Stage::Ending => None,
        }
    }

    /// Tells every attempt to end, those that are about to start included.
    pub(crate) fn cancel_all(&mut self, reason: CancelReason) {
        self.ended_by = Some(reason);
        for Held { stage, .. } in self.held.values() {
            if let Stage::Running(Some(running)) | Stage::Completing(Some(running)) = stage {
                running.vital.cancel.fire(reason);
            }
        }
    }

    /// Aborts every running attempt.
    pub(crate) fn abort_all(&self) {
        for held in self.held.values() {
            let (Stage::Running(running) | Stage::Completing(running)) = &held.stage else {
                continue;
            };
            if let Some(running) = running {
                running.handle.abort();
            }
        }
    }

    /// Aborts every running attempt, and lets none start any more.
    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
        self.cancel_all(CancelReason::Shutdown);
        self.abort_all();
    }

    /// Drops a job that the storage says this worker does not hold, unless its end is on its way, or
    /// was brought about by the attempt itself: one that waits does not start, one that runs is aborted. Returns whether it was dropped.
    pub(crate) fn drop_lost(&mut self, job: JobId) -> bool {
        let Entry::Occupied(held) = self.held.entry(job) else {
            return false;
        };
        if let Stage::Running(None) | Stage::Completing(_) | Stage::Ending = held.get().stage {
            return false;
        }
        let lost = held.remove();
        self.end_trial(job, lost.claim);
        self.end_lost(job, &lost.stage);
        true
    }

    /// Sees to it that a job does not start, or does not run on.
    pub(super) fn end_lost(&mut self, job: JobId, stage: &Stage) {
        match stage {
            Stage::Waiting => {
                for line in &mut self.lines {
                    line.take_those(|waiting| waiting.job.id == job);
                }
            }
            Stage::Running(Some(running)) => {
                running.vital.cancel.fire(CancelReason::LeaseLost);
                running.handle.abort();
            }
            Stage::Running(None) | Stage::Completing(_) | Stage::Ending => {}
        }
    }
}
