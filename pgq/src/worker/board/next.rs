//! Which job starts next.

use super::{Board, Stage};
use crate::driver::ClaimedJob;

impl Board {
    /// The next job that may start, which then counts as running.
    pub(crate) fn take(&mut self) -> Option<ClaimedJob> {
        if self.running >= self.concurrency || self.abandoned {
            return None;
        }
        let (at, source, place) = self.next()?;
        let line = &mut self.lines[at];
        let job = line.sources[source].waiting.remove(place)?.job;
        self.memory.take(job.input.missing());
        line.running += 1;
        if self.weighted {
            self.pass = line.pass(self.pass);
        }
        self.running += 1;
        self.turn = at + 1;
        self.set_stage(job.id, job.claim, Stage::Running(None));
        self.count(&job.queue, &job.task);
        Some(job)
    }

    /// The line, the source and the place of the next job that may start. Jobs whose input is here
    /// start past large ones that wait for memory; no large one starts past another.
    fn next(&mut self) -> Option<(usize, usize, usize)> {
        let first = self.memory.next.take();
        let mut room = self.memory.room();
        for at in first.into_iter().chain(self.turns()) {
            let line = &self.lines[at];
            if line.running >= line.limit {
                continue;
            }
            let mut head = None;
            while let Some(next) = self.lines[at].next_by_head(head) {
                let (_, _, source) = next;
                head = Some(next);
                if self.permitted(&self.lines[at].sources[source]) == 0 {
                    continue;
                }
                let line = &mut self.lines[at];
                for (place, waiting) in line.sources[source].waiting.iter().enumerate() {
                    if waiting.job.input.missing() <= room {
                        return Some((at, source, place));
                    }
                    line.stuck = true;
                    self.memory.next.get_or_insert(at);
                    room = 0;
                }
            }
        }
        None
    }

    /// The lines, in the order in which they are looked at.
    pub(super) fn turns(&self) -> impl Iterator<Item = usize> + use<> {
        let (turn, count) = (self.turn, self.lines.len());
        let mut by_share: Vec<usize> = Vec::new();
        if self.weighted {
            by_share.extend(0..count);
            by_share.sort_by_key(|at| self.lines[*at].pass);
        }
        let in_turn = count - by_share.len();
        let turns = (0..in_turn).map(move |step| (turn + step) % count);
        by_share.into_iter().chain(turns)
    }
}
