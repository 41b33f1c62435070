//! One queue of a worker: what waits in it, and how much more to claim.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::config::QueueConfig;
use crate::driver::ClaimedJob;

/// One queue.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: Arc<str>,
    pub(super) limit: usize,
    pub(super) running: usize,
    /// Highest priority first, then in the order of their claims.
    pub(super) waiting: VecDeque<Waiting>,
    /// Whether the storage may have more.
    pub(super) hungry: bool,
    /// Whether somebody was told that there is no room for more.
    pub(super) full: bool,
    /// Whether a large input waits for memory. Until there is some, nothing is claimed: it would only
    /// wait here, in the place of another worker.
    pub(super) stuck: bool,
    /// Whether nothing of it may start here until it is resumed.
    pub(super) paused: bool,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) job: ClaimedJob,
    since: Instant,
}

impl Line {
    /// An empty line of a worker that runs `concurrency` jobs at once.
    pub(super) fn new(queue: &QueueConfig, concurrency: usize) -> Self {
        Self {
            name: Arc::clone(&queue.name),
            limit: queue.concurrency.unwrap_or(concurrency).min(concurrency),
            running: 0,
            waiting: VecDeque::new(),
            hungry: true,
            full: false,
            stuck: false,
            paused: false,
        }
    }

    /// How many jobs to claim: what its free slots need, and the prefetch. As long as half of the
    /// prefetch is there it claims nothing, so that claims stay large.
    pub(super) fn demand(&self, free: usize, waiting: usize, prefetch: usize) -> usize {
        let own = self.limit.saturating_sub(self.running);
        let slots = own.min(free);
        if self.paused || waiting > slots + prefetch / 2 {
            return 0;
        }
        (slots + prefetch).saturating_sub(waiting)
    }

    pub(super) fn put(&mut self, job: ClaimedJob, since: Instant) {
        let at = self
            .waiting
            .partition_point(|waiting| waiting.job.priority >= job.priority);
        self.waiting.insert(at, Waiting { job, since });
    }

    /// Takes the jobs out that have waited since before `then`.
    pub(super) fn take_waiting(&mut self, then: Instant) -> Vec<ClaimedJob> {
        self.take_those(|waiting| waiting.since <= then)
    }

    /// Takes those of the waiting jobs out.
    pub(super) fn take_those(&mut self, goes: impl Fn(&Waiting) -> bool) -> Vec<ClaimedJob> {
        let all = std::mem::take(&mut self.waiting);
        let (going, staying): (VecDeque<_>, _) = all.into_iter().partition(goes);
        self.waiting = staying;
        going.into_iter().map(|waiting| waiting.job).collect()
    }
}
