//! One queue of a worker, and what waits in it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// Whether this worker serves it no more.
    pub(super) removed: bool,
    pub(super) weight: u32,
    /// When lower priorities have their turn; `None`: when there are no jobs of higher ones.
    pub(super) ageing: Option<Ageing>,
    /// Where it stands: its jobs that have started, each as long as its weight is small.
    pub(super) pass: u64,
}

/// What a job of a queue with weight 1 adds to its pass.
const STRIDE: u64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) job: ClaimedJob,
    pub(super) since: Instant,
    /// Whether it has its turn before jobs of higher priorities.
    pub(super) aged: bool,
}

impl Waiting {
    /// Larger ones start first.
    pub(super) fn rank(&self) -> (bool, i16) {
        (self.aged, self.job.priority)
    }
}

/// Gives each of the lower priorities a turn before the higher ones, once in a given time.
#[derive(Debug)]
pub(super) struct Ageing {
    every: Duration,
    /// The highest priority of the next turn.
    priority: i16,
    next: Option<Instant>,
    /// Whether the last claim was a turn: the next one is not, however short the time is.
    just_had: bool,
}

/// How many priorities are below the highest.
const LOWER: i16 = 9;

impl Ageing {
    fn new(every: Duration) -> Self {
        Self {
            every,
            priority: 0,
            next: None,
            just_had: false,
        }
    }

    /// The highest priority to claim now, if it is time for a turn.
    pub(super) fn turn(&mut self, now: Instant) -> Option<i16> {
        let pause = self.every / u32::from(LOWER.unsigned_abs());
        let next = *self.next.get_or_insert(now + pause);
        if self.just_had || now < next {
            self.just_had = false;
            return None;
        }
        self.just_had = true;
        self.next = Some(now + pause);
        let priority = self.priority;
        self.priority = (priority + 1) % LOWER;
        Some(priority)
    }
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
            removed: false,
            weight: queue.weight,
            ageing: queue.ageing.map(Ageing::new),
            pass: 0,
        }
    }

    /// Moves on by one job; `now` is where the queue stands that starts one now. Returns where this one
    /// stood: one that had no jobs for long does not make up for it.
    pub(super) fn pass(&mut self, now: u64) -> u64 {
        let stood = self.pass.max(now);
        self.pass = stood + STRIDE / u64::from(self.weight.max(1));
        stood
    }

    /// Whether it may have jobs to start.
    pub(super) fn is_active(&self) -> bool {
        let mut sources = self.sources.iter();
        let some = sources.any(|source| source.hungry || !source.waiting.is_empty());
        some && !self.paused && !self.stuck && !self.removed
    }

    /// Whether it is not served any more, and nothing of it is here.
    pub(super) fn is_gone(&self) -> bool {
        self.removed && self.running == 0 && self.in_use == 0 && self.waiting() == 0
    }

    pub(super) fn put(&mut self, waiting: Waiting) {
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
