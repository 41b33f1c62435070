//! What of a queue is claimed by itself: the tasks under a limit one by one, and all others together.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::Board;
use crate::driver::PermitAsk;
use crate::job::JobId;
use crate::limit::{FleetRate, KeyLimit};
use crate::worker::line::{Line, Waiting};
use crate::worker::pace::Pace;

/// A source among those of its queue: by the rank of its first job, since when that waits, and its place.
pub(super) type ByHead = (Reverse<(bool, i16)>, Instant, usize);

/// What is claimed together.
#[derive(Debug)]
pub(in crate::worker) struct Source {
    /// The task, if it is claimed by itself.
    pub(super) task: Option<Arc<str>>,
    /// The names of tasks to claim; `None`: all that the worker knows.
    pub(super) names: Option<Arc<[String]>>,
    /// The limits that its jobs are under, by their place on the board.
    pub(super) gates: Vec<usize>,
    /// Whether its jobs take tokens.
    pub(super) rate: bool,
    /// What is limited for each key of its jobs, and which may be free, if they have keys.
    pub(super) keys: Option<Keys>,
    /// Those that have their turn first, then by priority, and then in the order of their claims.
    pub(in crate::worker) waiting: VecDeque<Waiting>,
    /// Whether the storage may have more.
    pub(in crate::worker) hungry: bool,
    /// When to ask again for permits or tokens, where there were none for jobs that wait.
    pub(super) again: Option<Instant>,
    /// When to ask as well, because a job that waits for a token of its key has its turn.
    pub(super) turn: Option<Instant>,
    /// How fast its jobs finish, and how many have, if it has limits.
    pace: Pace,
    finished: u64,
}

/// The keys of a task's jobs, as far as the worker knows of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The name that they go by.
    pub(crate) name: Arc<str>,
    /// How many jobs of a concurrency key run at once.
    pub(crate) running: Option<u32>,
    /// How many jobs of a rate key start in a time.
    pub(crate) rate: Option<FleetRate>,
    /// Jobs that may hold their keys no more.
    pub(crate) ended: Vec<JobId>,
    /// Whether any job may.
    pub(crate) all: bool,
}

impl Keys {
    pub(super) const fn new(name: Arc<str>, limit: KeyLimit) -> Self {
        Self {
            name,
            running: limit.running,
            rate: limit.rate,
            ended: Vec::new(),
            all: true,
        }
    }

    /// Takes what may be free, which is to be asked for.
    pub(super) fn take(&mut self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            running: self.running,
            rate: self.rate,
            ended: std::mem::take(&mut self.ended),
            all: std::mem::take(&mut self.all),
        }
    }
}

/// What to claim for a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) limit: usize,
    pub(super) prefetch: usize,
    pub(super) permits: Vec<PermitAsk>,
}

/// What a worker has room for, over all queues.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Slots that are free.
    pub(super) free: usize,
    /// Jobs that wait for one.
    pub(super) waiting: usize,
    /// How many may.
    pub(super) prefetch: usize,
    pub(super) now: Instant,
}

impl Source {
    pub(in crate::worker) fn new(
        task: Option<Arc<str>>,
        names: Option<Arc<[String]>>,
        now: Instant,
    ) -> Self {
        Self {
            task,
            names,
            gates: Vec::new(),
            rate: false,
            keys: None,
            waiting: VecDeque::new(),
            hungry: true,
            again: None,
            turn: None,
            pace: Pace::new(now),
            finished: 0,
        }
    }

    pub(in crate::worker) fn put(&mut self, waiting: Waiting) {
        let at = self
            .waiting
            .partition_point(|other| other.rank() >= waiting.rank());
        self.waiting.insert(at, waiting);
    }

    fn has(&self, task: &str) -> bool {
        let named = |names: &Arc<[String]>| names.iter().any(|name| name == task);
        self.names.as_ref().is_none_or(named)
    }

    pub(super) fn observe(&mut self, now: Instant) {
        self.pace.observe(self.finished, now);
    }

    /// Whether its jobs must not wait here: their tokens and keys are taken by the claim.
    fn at_once(&self) -> bool {
        self.rate || self.keys.is_some()
    }

    /// Whether a claim for it asks for nothing beside the jobs.
    pub(super) fn is_plain(&self, need: &Need) -> bool {
        need.permits.is_empty() && !self.at_once()
    }

    /// Whether nothing is to be claimed, because all its tasks are paused or claimed by themselves.
    pub(super) fn is_empty(&self) -> bool {
        self.names.as_ref().is_some_and(|names| names.is_empty())
    }
}

impl Line {
    /// The source of jobs of a task.
    pub(in crate::worker) fn source(&mut self, task: &str) -> &mut Source {
        let own = self.sources[1..].iter().position(|source| source.has(task));
        &mut self.sources[own.map_or(0, |at| at + 1)]
    }

    /// The source whose first job should start before those of the others, of the sources that have
    /// jobs and come after that one.
    pub(super) fn next_by_head(&self, after: Option<ByHead>) -> Option<ByHead> {
        let sources = self.sources.iter().enumerate();
        let heads = sources.filter_map(|(place, source)| {
            let head = source.waiting.front()?;
            Some((Reverse(head.rank()), head.since, place))
        });
        heads.filter(|head| Some(*head) > after).min()
    }

    /// A job of a task is not held any more.
    pub(super) fn forget(&mut self, job: JobId, task: &str) {
        let source = self.source(task);
        if let Some(keys) = &mut source.keys {
            keys.ended.push(job);
            source.hungry = true;
        }
    }

    pub(super) fn finish(&mut self, task: &str) {
        if self.sources.len() > 1 || !self.sources[0].gates.is_empty() {
            self.source(task).finished += 1;
        }
    }
}

impl Board {
    /// How many more jobs of a source may run than do, by its limits.
    pub(super) fn permitted(&self, source: &Source) -> usize {
        let rooms = source.gates.iter().map(|at| self.room_at(*at));
        rooms.min().unwrap_or(usize::MAX)
    }

    /// What to claim for a source, if it may have jobs and there is room for them.
    pub(super) fn need(&self, line: &Line, source: &Source, room: Room) -> Option<Need> {
        if line.paused || line.removed || line.stuck || source.is_empty() {
            return None;
        }
        let room = match self.weighted {
            true => self.share(line, room),
            false => room,
        };
        let slots = line.limit.saturating_sub(line.running).min(room.free);
        if source.gates.is_empty() && !source.rate && source.keys.is_none() {
            // As long as half of the prefetch is there nothing is claimed, so that claims stay large.
            let few = room.waiting <= slots + room.prefetch / 2;
            let limit = (slots + room.prefetch).saturating_sub(room.waiting);
            return (few && limit > 0).then(|| Need {
                limit,
                prefetch: 0,
                permits: Vec::new(),
            });
        }
        let may_ask = source.again.is_none_or(|again| again <= room.now);
        let at_once = source.at_once();
        if at_once && !may_ask {
            return None;
        }
        let waiting = source.waiting.len();
        let prefetch = if at_once { 0 } else { source.pace.prefetch() };
        // While other jobs take every slot as it becomes free, one may wait for the next.
        let idle = waiting == 0 && !self.runs(source);
        let slots = if idle { slots.max(1) } else { slots };
        let short = |at: &&usize| self.room_at(**at) < slots;
        let short: Vec<usize> = source.gates.iter().filter(short).copied().collect();
        let asks = may_ask && !short.is_empty();
        let gates = source
            .gates
            .iter()
            .filter(|at| !asks || !short.contains(at));
        let permitted = gates.map(|at| self.room_at(*at)).min();
        let slots = slots.min(permitted.unwrap_or(usize::MAX));
        let limit = (slots + prefetch).saturating_sub(waiting);
        if limit == 0 || waiting > slots + prefetch / 2 {
            return None;
        }
        let more = u32::try_from(slots).unwrap_or(u32::MAX);
        let ask = |at: usize| {
            let gate = &self.gates[at];
            let in_use = self.in_use(gate);
            PermitAsk {
                limit: gate.limit.clone(),
                in_use,
                waiting: self.waiting_at(at),
                wants: in_use.saturating_add(more),
            }
        };
        let permits = match asks {
            true => short.into_iter().map(ask).collect(),
            false => Vec::new(),
        };
        Some(Need {
            limit,
            prefetch,
            permits,
        })
    }

    /// The part of the room that is for a queue; what it runs already counts.
    fn share(&self, line: &Line, room: Room) -> Room {
        let share = self.slots_for(line, room.now);
        Room {
            free: share.saturating_sub(line.running).min(room.free),
            prefetch: (room.prefetch * share).div_ceil(self.concurrency.max(1)),
            waiting: line.waiting(),
            now: room.now,
        }
    }

    /// How many slots are for a queue, by its weight among those that may have jobs. Those that cannot
    /// use all of theirs leave the rest to the others.
    fn slots_for(&self, line: &Line, now: Instant) -> usize {
        let active = || {
            let others = self.lines.iter().filter(|other| other.name != line.name);
            let others = others.filter(|other| other.is_active());
            let others = others.map(move |other| (other.weight as usize, self.most(other, now)));
            // Of this one it is asked what it could use.
            others.chain([(line.weight as usize, line.limit)])
        };
        // What is left for a weight of how much, after those that need less than their part.
        let (mut slots, mut weight) = (self.concurrency, active().map(|(weight, _)| weight).sum());
        loop {
            let needs_less = |most: usize, own: usize| most * weight < slots * own;
            let (mut left, mut among): (usize, usize) = (self.concurrency, 0);
            for (own, most) in active() {
                match needs_less(most, own) {
                    true => left = left.saturating_sub(most),
                    false => among += own,
                }
            }
            // Each round leaves more for a weight, so that others may need less than their part, too.
            if among == weight || among == 0 {
                break;
            }
            (slots, weight) = (left, among);
        }
        let part = (slots * line.weight as usize).div_ceil(weight.max(1));
        part.min(line.limit)
    }

    /// The most jobs of a queue that may run now, with what it may still claim.
    fn most(&self, line: &Line, now: Instant) -> usize {
        let more = |source: &Source| {
            let permitted = self.permitted(source);
            let is_short = source.again.is_some_and(|again| again > now);
            match source.hungry && !source.is_empty() {
                // It can ask for more permits, tokens or keys.
                true if !is_short => usize::MAX,
                true if source.at_once() => 0,
                true => permitted,
                false => permitted.min(source.waiting.len()),
            }
        };
        let more = line.sources.iter().map(more);
        let more = more.fold(0, usize::saturating_add);
        line.limit.min(line.running.saturating_add(more))
    }

    /// How many more jobs may run under a limit than do.
    fn room_at(&self, gate: usize) -> usize {
        let gate = &self.gates[gate];
        gate.room(self.in_use(gate))
    }

    /// Whether any job under the limits of a source runs.
    fn runs(&self, source: &Source) -> bool {
        let mut gates = source.gates.iter();
        gates.any(|at| self.in_use(&self.gates[*at]) > 0)
    }

    /// When to ask again for the permits or tokens of a source that is short of them, or because a job has
    /// its turn.
    pub(crate) fn ask_at(&self, now: Instant) -> Option<Instant> {
        let times = self.served_sources();
        let times = times.flat_map(|source| [source.again, source.turn]);
        times.flatten().filter(|time| *time > now).min()
    }

    /// Whether jobs wait that there are no permits or tokens for.
    pub(crate) fn is_short(&self) -> bool {
        self.served_sources().any(|source| source.again.is_some())
    }

    /// Whether jobs wait for tokens of their keys.
    pub(crate) fn has_turns(&self) -> bool {
        self.served_sources().any(|source| source.turn.is_some())
    }

    fn served_sources(&self) -> impl Iterator<Item = &Source> {
        let served = |line: &&Line| !line.paused && !line.removed;
        let lines = self.lines.iter().filter(served);
        lines.flat_map(|line| &line.sources)
    }
}
