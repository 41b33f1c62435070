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
        for job in &taken {
            self.set_stage(job.id, job.claim, Stage::Ending);
        }
        taken
    }

    /// The names of the queues that are served.
    pub(crate) fn queues(&self) -> Vec<Arc<str>> {
        let served = self.lines.iter().filter(|line| !line.removed);
        served.map(|line| Arc::clone(&line.name)).collect()
    }
}
