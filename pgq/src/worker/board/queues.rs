//! Queues that are added and removed while the worker runs.

use std::sync::Arc;
use std::time::Instant;

use super::{Board, Stage};
use crate::driver::ClaimedJob;
use crate::worker::config::QueueConfig;
use crate::worker::line::Line;

impl Board {
    /// Serves a queue from now on, as the settings say. Returns whether it did not before.
    pub(crate) fn serve(&mut self, queue: &QueueConfig, now: Instant) -> bool {
        let new = Line::new(queue, self.concurrency);
        self.weighted |= queue.weight != 1;
        if let Some(line) = self.line(&queue.name) {
            line.limit = new.limit;
            line.weight = new.weight;
            line.ageing = new.ageing;
            let added = std::mem::take(&mut line.removed);
            if added {
                line.mark_hungry();
            }
            return added;
        }
        self.lines.push(new);
        // What is paused or under limits holds for the new one as well.
        let claimable = std::mem::take(&mut self.claimable);
        self.restrict(claimable, now);
        true
    }

    /// Serves a queue no more. Jobs of it that run end as they would; those that wait are taken out,
    /// and count as ending.
    pub(crate) fn unserve(&mut self, queue: &str) -> Vec<ClaimedJob> {
        let Some(line) = self.line(queue) else {
            return Vec::new();
        };
        line.removed = true;
        let taken = line.take_those(|_| true);
        // It wants no permits any more, so that others need not leave it some.
        let sources = line.sources.iter_mut();
        sources.for_each(|source| source.again = None);
        self.want_nothing(queue);
        for job in &taken {
            self.set_stage(job.id, job.claim, Stage::Ending);
        }
        taken
    }

    /// Forgets the queues that are not served any more and have nothing left here. Must not run while a
    /// claim is under way: what it brings is put into its queue.
    pub(super) fn forget_removed(&mut self) {
        if !self.lines.iter().any(Line::is_gone) {
            return;
        }
        let next = self.memory.next.take();
        let next = next.map(|at| Arc::clone(&self.lines[at].name));
        self.lines.retain(|line| !line.is_gone());
        self.memory.next =
            next.and_then(|next| self.lines.iter().position(|line| line.name == next));
    }

    /// The names of the queues that are served.
    pub(crate) fn queues(&self) -> Vec<Arc<str>> {
        let served = self.lines.iter().filter(|line| !line.removed);
        served.map(|line| Arc::clone(&line.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::board::tests::{board, config, small, taken};

    #[test]
    fn a_claim_that_was_under_way_when_its_queue_was_removed_starts_nothing() {
        let (mut board, now) = (board(), Instant::now());
        board.demand(0, now).unwrap();
        assert!(board.unserve("default").is_empty());

        board.put("default", vec![small(1)], now);

        let given_back: Vec<_> = board.take_paused().iter().map(|job| job.id).collect();
        assert_eq!(given_back, [small(1).id]);
        assert!(taken(&mut board).is_empty());
    }

    #[test]
    fn a_queue_that_was_removed_is_forgotten_when_nothing_of_it_is_left() {
        let (mut board, now) = (board(), Instant::now());
        board.serve(&config("other", 1), now);
        board.put("default", vec![small(1)], now);
        assert_eq!(taken(&mut board), [1]);
        board.unserve("default");

        let demand = board.demand(0, now).unwrap();
        assert_eq!((&*demand.queue, board.lines.len()), ("other", 2));
        board.free("default", 0);
        board.release("default", "tested");
        assert_eq!(board.demand(0, now), None);
        assert_eq!(board.lines.len(), 1);

        // As if it had never been here.
        assert!(board.serve(&config("default", 1), now));
        let demand = board.demand(0, now).unwrap();
        assert_eq!(&*demand.queue, "default");
    }
}
