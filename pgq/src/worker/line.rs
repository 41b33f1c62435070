//! One queue of a worker, and what waits in it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::board::Source;
use super::config::QueueConfig;
use crate::driver::ClaimedJob;

/// One queue.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: Arc<str>,
    pub(super) limit: usize,
    pub(super) running: usize,
    /// How many of its jobs run, those included that nobody waits for any more.
    pub(super) in_use: u32,
    /// First what is claimed together, then the tasks that are claimed by themselves.
    pub(super) sources: Vec<Source>,
    /// The source to claim from first, so that none is always the last.
    pub(super) turn: usize,
    /// Whether it was said that there are jobs, and since then not that there are none.
    pub(super) searching: bool,
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
    pub(super) since: Instant,
}

impl Line {
    /// An empty line of a worker that runs `concurrency` jobs at once.
    pub(super) fn new(queue: &QueueConfig, concurrency: usize) -> Self {
        Self {
            name: Arc::clone(&queue.name),
            limit: queue.concurrency.unwrap_or(concurrency).min(concurrency),
            running: 0,
            in_use: 0,
            sources: vec![Source::new(None, None, Instant::now())],
            turn: 0,
            searching: false,
            full: false,
            stuck: false,
            paused: false,
        }
    }

    pub(super) fn put(&mut self, job: ClaimedJob, since: Instant) {
        let waiting = Waiting { job, since };
        match &mut self.sources[..] {
            [only] => only.put(waiting),
            _ => self.source(&waiting.job.task).put(waiting),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.sources.iter().map(|source| source.waiting.len()).sum()
    }

    /// Takes the waiting jobs out, in their order.
    pub(super) fn waiting_jobs(&mut self) -> Vec<Waiting> {
        let sources = self.sources.iter_mut();
        sources
            .flat_map(|source| source.waiting.drain(..))
            .collect()
    }

    /// What is in the storage must be looked for.
    pub(super) fn mark_hungry(&mut self) {
        self.sources
            .iter_mut()
            .for_each(|source| source.hungry = true);
    }

    /// Takes the jobs out that have waited since before `then`.
    pub(super) fn take_waiting(&mut self, then: Instant) -> Vec<ClaimedJob> {
        self.take_those(|waiting| waiting.since <= then)
    }

    /// Takes those of the waiting jobs out.
    pub(super) fn take_those(&mut self, goes: impl Fn(&Waiting) -> bool) -> Vec<ClaimedJob> {
        let mut gone = Vec::new();
        for source in &mut self.sources {
            let all = std::mem::take(&mut source.waiting);
            let (going, staying): (VecDeque<_>, _) = all.into_iter().partition(&goes);
            source.waiting = staying;
            gone.extend(going.into_iter().map(|waiting| waiting.job));
        }
        gone
    }
}
