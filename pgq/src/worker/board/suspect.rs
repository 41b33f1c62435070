//! Suspects: jobs that more than one worker died with.
//!
//! Of those a worker runs one at a time. So if it dies, it is known which one is to blame, and the others
//! are not: a job that kills its workers ends as a dead letter, and those that were beside it run.

use super::Board;
use crate::job::JobId;
use crate::worker::line::Line;

impl Board {
    /// Whether the first suspect of a queue may start, with so much memory for its input.
    pub(super) fn may_try(&self, line: &Line, room: usize) -> bool {
        let fits = |source: usize, missing: usize| {
            missing <= room && self.permitted(&line.sources[source]) > 0
        };
        let first = line.suspects.front();
        self.trial.is_none()
            && first.is_some_and(|first| {
                fits(line.source_at(&first.job.task), first.job.input.missing())
            })
    }

    /// How many suspects wait that will use permits of a limit.
    pub(super) fn suspects_at(&self, gate: usize) -> usize {
        let under = |line: &Line, task: &str| {
            let source = &line.sources[line.source_at(task)];
            source.gates.contains(&gate)
        };
        let lines = self.lines.iter();
        lines
            .map(|line| {
                let suspects = line.suspects.iter();
                suspects
                    .filter(|waiting| under(line, &waiting.job.task))
                    .count()
            })
            .sum()
    }

    /// A job is not held any more. Returns whether it was the suspect that ran.
    pub(super) fn end_trial(&mut self, job: JobId, claim: i64) -> bool {
        self.trial.take_if(|trial| *trial == (job, claim)).is_some()
    }
}
