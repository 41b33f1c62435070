//! Who runs, who waits, and what the worker holds: the bookkeeping of one worker, without I/O.

mod cancel;
mod gate;
mod next;
mod pause;
mod queues;
mod source;
mod stuck;
mod suspect;

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;
use tokio::task::AbortHandle;

use self::gate::Gate;
pub(crate) use self::pause::Claimable;
pub(super) use self::source::Source;
use self::source::{Keys, Need, Room};
pub(crate) use self::stuck::GivenUp;
use self::stuck::Stuck;
pub(crate) use self::suspect::Surplus;
use self::suspect::Trial;
use super::config::WorkerConfig;
use super::line::{Line, Waiting};
use super::memory::Memory;
use crate::driver::{ClaimedJob, PermitAsk};
use crate::job::{JobId, Marks};
use crate::task::{CancelReason, Vital};

/// The jobs that a worker holds, from their claim until the storage has taken their end.
#[derive(Debug)]
pub(crate) struct Board {
    concurrency: usize,
    running: usize,
    lines: Vec<Line>,
    /// The line to look at first, so that no queue is always the last.
    turn: usize,
    /// Whether the queues have shares; without, they take turns.
    weighted: bool,
    /// Where the queue stood that started a job last.
    pass: u64,
    held: FxHashMap<JobId, Held>,
    memory: Memory,
    claimable: Claimable,
    /// The limits of the fleet.
    gates: Vec<Gate>,
    /// How many jobs run of each task, by the name in their rows; those included that nobody waits for
    /// any more.
    in_use: FxHashMap<Arc<str>, u32>,
    stuck: Stuck,
    /// The suspect that is held: of those, one at a time.
    trial: Option<Trial>,
    /// Why all attempts were told to end.
    ended_by: Option<CancelReason>,
    /// The worker is being dropped: nothing starts any more.
    abandoned: bool,
}

#[derive(Debug)]
struct Held {
    claim: i64,
    stage: Stage,
    /// Its queue and its task, if it has keys.
    keyed: Option<Box<(Arc<str>, Arc<str>)>>,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    /// The attempt is there as soon as its task is.
    Running(Option<Box<Running>>),
    /// A transaction of the running attempt completes the job, so that its row may go while it runs.
    Completing(Option<Box<Running>>),
    /// The attempt has ended; the storage is being told.
    Ending,
}

/// An attempt that runs.
#[derive(Debug)]
struct Running {
    handle: AbortHandle,
    vital: Arc<Vital>,
    /// Without its input.
    job: ClaimedJob,
}

/// The part of the room that lower priorities get when it is their turn: one of so many.
const AGEING_PART: usize = 4;

/// A claim that should be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) queue: Arc<str>,
    /// The tasks that may be claimed, source by source; empty if all may.
    pub(crate) tasks: Vec<Arc<[String]>>,
    pub(crate) limit: usize,
    /// The task, if it is claimed by itself because it is under a limit.
    pub(crate) task: Option<Arc<str>>,
    /// The other sources of the queue that the claim takes from, by their tasks.
    along: Vec<Option<Arc<str>>>,
    /// What to ask for with the claim.
    pub(crate) permits: Vec<PermitAsk>,
    /// How many of the jobs are beyond those permits.
    pub(crate) prefetch: usize,
    /// Whether each job takes a token.
    pub(crate) rate: bool,
    /// What is limited for each key, if the jobs have keys.
    pub(crate) keys: Option<Keys>,
    /// The highest priority to claim, where lower ones have their turn; `None` if any.
    pub(crate) priority_max: Option<i16>,
}

impl Board {
    pub(crate) fn new(config: &WorkerConfig) -> Self {
        let line = |queue| Line::new(queue, config.concurrency);
        Self {
            concurrency: config.concurrency,
            running: 0,
            lines: config.queues.iter().map(line).collect(),
            turn: 0,
            weighted: config.queues.iter().any(|queue| queue.weight != 1),
            pass: 0,
            held: FxHashMap::default(),
            memory: Memory::new(config.input_memory),
            claimable: Claimable::default(),
            gates: Vec::new(),
            in_use: FxHashMap::default(),
            stuck: Stuck::default(),
            trial: None,
            ended_by: None,
            abandoned: false,
        }
    }

    /// Marks a queue as one that may have more jobs. Returns `false` if it is not served here.
    pub(crate) fn mark_hungry(&mut self, queue: &str) -> bool {
        self.line(queue).map(Line::mark_hungry).is_some()
    }

    pub(crate) fn mark_all_hungry(&mut self) {
        self.lines.iter_mut().for_each(Line::mark_hungry);
    }

    /// Lets the next claims look for keys that may be free, whoever had them: those of workers that are
    /// gone are among them.
    pub(crate) fn sweep_keys(&mut self) {
        let sources = self.lines.iter_mut().flat_map(|line| &mut line.sources);
        let keys = sources.filter_map(|source| source.keys.as_mut());
        keys.for_each(|keys| keys.all = true);
    }

    /// The next claim to make, if any; `prefetch` jobs may wait beside the running ones. What is
    /// claimed is not hungry any more until it is marked so again, which may happen while the claim is
    /// on its way.
    pub(crate) fn demand(&mut self, prefetch: usize, now: Instant) -> Option<Demand> {
        self.forget_removed();
        let room = self.room(prefetch, now);
        if !self.gates.is_empty() || !self.claimable.is_default() {
            let lines = self.lines.iter_mut();
            lines.flat_map(|line| &mut line.sources).for_each(|source| {
                source.observe(now);
                source.hungry |= source.turn.take_if(|turn| *turn <= now).is_some();
            });
        }
        let mut order = self.turns();
        let (at, place, mut need) = order.find_map(|at| {
            let (place, need) = self.hungry_source(&self.lines[at], room)?;
            Some((at, place, need))
        })?;
        let along = self.along(&self.lines[at], place, &mut need, room);
        self.turn = at + 1;
        let line = &mut self.lines[at];
        line.full = false;
        // The sources of a queue take turns.
        line.turn = place + 1;
        let plain = need.permits.is_empty() && !line.sources[place].rate;
        let priority_max = match &mut line.ageing {
            Some(ageing) if plain => ageing.turn(now),
            _ => None,
        };
        let limit = match priority_max {
            None => need.limit,
            Some(_) => need.limit.div_ceil(AGEING_PART),
        };
        let mut tasks = Vec::new();
        for place in [place].iter().chain(&along) {
            let source = &mut line.sources[*place];
            source.hungry = false;
            tasks.extend(source.names.clone());
        }
        let along = along.iter().map(|place| line.sources[*place].task.clone());
        let along = along.collect();
        let source = &mut line.sources[place];
        Some(Demand {
            queue: Arc::clone(&line.name),
            tasks,
            limit,
            task: source.task.clone(),
            along,
            permits: need.permits,
            prefetch: need.prefetch,
            rate: source.rate,
            keys: source.keys.as_mut().map(Keys::take),
            priority_max,
        })
    }

    fn room(&self, prefetch: usize, now: Instant) -> Room {
        Room {
            free: self.concurrency.saturating_sub(self.running),
            waiting: self.lines.iter().map(Line::waiting).sum(),
            prefetch,
            now,
        }
    }

    /// The next source of a queue to claim from.
    fn hungry_source(&self, line: &Line, room: Room) -> Option<(usize, Need)> {
        let count = line.sources.len();
        (0..count).find_map(|step| {
            let place = (line.turn + step) % count;
            let source = &line.sources[place];
            let need = source.hungry.then(|| self.need(line, source, room));
            Some((place, need.flatten()?))
        })
    }

    /// The sources of a queue that go with the claim for one of them, in one statement: those whose
    /// permits are there, too. What is claimed may then be of any of them, so it is no more than each
    /// has room for.
    fn along(&self, line: &Line, place: usize, need: &mut Need, room: Room) -> Vec<usize> {
        let mut along = Vec::new();
        if line.sources.len() == 1 || !line.sources[place].is_plain(need) {
            return along;
        }
        // None is to come in much smaller batches than it would by itself.
        let similar = need.limit.div_ceil(2)..=need.limit.saturating_mul(2);
        for (other, source) in line.sources.iter().enumerate() {
            let its = (other != place && source.hungry)
                .then(|| self.need(line, source, room))
                .flatten();
            if let Some(its) = its
                && source.is_plain(&its)
                && similar.contains(&its.limit)
            {
                need.limit = need.limit.min(its.limit);
                along.push(other);
            }
        }
        along
    }

    /// The queues that there is no room for any more; each is named once, until it is claimed from
    /// again. They count as hungry: what becomes ready meanwhile is claimed when there is room.
    pub(crate) fn newly_full(&mut self, prefetch: usize, now: Instant) -> Vec<Arc<str>> {
        let room = self.room(prefetch, now);
        let mut full = Vec::new();
        for at in 0..self.lines.len() {
            let line = &self.lines[at];
            let mut needs = line
                .sources
                .iter()
                .map(|source| self.need(line, source, room));
            if line.full || needs.any(|need| need.is_some()) {
                continue;
            }
            let line = &mut self.lines[at];
            line.full = true;
            line.searching = false;
            line.mark_hungry();
            full.push(Arc::clone(&line.name));
        }
        full
    }

    /// Whether no source of a queue may have jobs, as far as is known.
    pub(crate) fn is_searched(&self, queue: &str) -> bool {
        let line = self.lines.iter().find(|line| *line.name == *queue);
        let may_have = |source: &Source| source.hungry && !source.is_empty();
        line.is_none_or(|line| !line.sources.iter().any(may_have))
    }

    /// Takes note of whether a claim of a queue found jobs. Returns `false` if it is too early to say
    /// that there are none, because others of its tasks are to be claimed.
    pub(crate) fn searched(
        &mut self,
        queue: &str,
        found: bool,
        prefetch: usize,
        now: Instant,
    ) -> bool {
        let room = self.room(prefetch, now);
        let Some(at) = self.lines.iter().position(|line| *line.name == *queue) else {
            return true;
        };
        let more = !found && self.hungry_source(&self.lines[at], room).is_some();
        self.lines[at].searching = found || more;
        !more
    }

    /// The queues of which it was last said that there are jobs, and that have no more for the room
    /// that there is, because those jobs are under limits.
    pub(crate) fn newly_searched(&mut self) -> Vec<Arc<str>> {
        let is_new = |line: &&mut Line| !line.full && line.searching;
        let lines = self.lines.iter_mut().filter(is_new);
        lines
            .map(|line| {
                line.searching = false;
                Arc::clone(&line.name)
            })
            .collect()
    }

    /// Takes claimed jobs in. Returns those that are to go back.
    pub(crate) fn put(&mut self, queue: &str, jobs: Vec<ClaimedJob>, now: Instant) -> Surplus {
        self.take_in(queue, jobs, now, false)
    }

    /// Takes claimed jobs in that start before all others of their queue.
    pub(crate) fn put_first(
        &mut self,
        queue: &str,
        jobs: Vec<ClaimedJob>,
        now: Instant,
    ) -> Surplus {
        self.take_in(queue, jobs, now, true)
    }

    fn take_in(
        &mut self,
        queue: &str,
        mut jobs: Vec<ClaimedJob>,
        since: Instant,
        aged: bool,
    ) -> Surplus {
        self.hold_claimed(&jobs);
        let surplus = self.keep_one_suspect(&mut jobs, since);
        if let Some(line) = self.line(queue) {
            let waiting = |job| Waiting { job, since, aged };
            jobs.into_iter().for_each(|job| line.put(waiting(job)));
        }
        surplus
    }

    fn hold_claimed(&mut self, jobs: &[ClaimedJob]) {
        for job in jobs {
            let is_keyed = job.marks.has(Marks::KEYED);
            let held = Held {
                claim: job.claim,
                stage: Stage::Waiting,
                keyed: is_keyed.then(|| Box::new((Arc::clone(&job.queue), Arc::clone(&job.task)))),
            };
            if let Some(lost) = self.held.insert(job.id, held) {
                // The storage has lost an earlier claim of the job in a crash.
                self.end_trial(job.id, lost.claim);
                self.end_lost(job.id, &lost.stage);
            }
        }
    }

    /// Keeps a running attempt, and the handle of its task. One that was taken just before all were
    /// told to end is told so, too.
    pub(crate) fn started(&mut self, job: ClaimedJob, vital: Arc<Vital>, handle: AbortHandle) {
        if self.abandoned {
            handle.abort();
        }
        if let Some(reason) = self.ended_by {
            vital.cancel.fire(reason);
        }
        if let Some(Held {
            stage: Stage::Running(slot) | Stage::Completing(slot),
            ..
        }) = self.held(job.id, job.claim)
        {
            *slot = Some(Box::new(Running { handle, vital, job }));
        }
    }

    /// The attempt is about to complete its job itself, in a transaction.
    pub(crate) fn completing(&mut self, job: JobId, claim: i64) {
        if let Some(held) = self.held(job, claim)
            && let Stage::Running(running) = &mut held.stage
        {
            held.stage = Stage::Completing(running.take());
        }
    }

    /// The attempt has ended and the storage is to be told; its slot is still taken. Returns `false`
    /// if it counts no more, because it was given up or its job was lost.
    pub(crate) fn ending(&mut self, job: JobId, claim: i64) -> bool {
        let running = self
            .held(job, claim)
            .filter(|held| matches!(held.stage, Stage::Running(_) | Stage::Completing(_)));
        running.map(|held| held.stage = Stage::Ending).is_some()
    }

    /// Holds a job until the storage has taken its end, which is on its way: the worker found out only
    /// now that it had it.
    pub(crate) fn hold(&mut self, job: JobId, claim: i64) {
        let held = Held {
            claim,
            stage: Stage::Ending,
            // If it has keys, a sweep finds them.
            keyed: None,
        };
        self.held.entry(job).or_insert(held);
    }

    /// Frees the slot of a job of that queue, and the memory of its input. Its permits are
    /// [released](Self::release) when nothing of it runs any more.
    pub(crate) fn free(&mut self, queue: &str, bytes: usize) {
        self.free_memory(bytes);
        self.free_slot(queue);
    }

    fn free_memory(&mut self, bytes: usize) {
        if bytes > 0 {
            self.memory.give_back(bytes);
            self.lines.iter_mut().for_each(|line| line.stuck = false);
        }
    }

    fn free_slot(&mut self, queue: &str) {
        self.running = self.running.saturating_sub(1);
        if let Some(line) = self.line(queue) {
            line.running = line.running.saturating_sub(1);
        }
    }

    /// The storage has taken the end of these jobs. Returns whether keys may be free.
    pub(crate) fn forget(&mut self, jobs: impl IntoIterator<Item = (JobId, i64)>) -> bool {
        let mut had_keys = false;
        for (job, claim) in jobs {
            self.end_trial(job, claim);
            if let Entry::Occupied(held) = self.held.entry(job)
                && held.get().claim == claim
                && let Some(of) = held.remove().keyed
                && let Some(line) = self.line(&of.0)
            {
                line.forget(job, &of.1);
                had_keys = true;
            }
        }
        had_keys
    }

    /// Takes the jobs out that have waited since before `then`. They count as ending.
    pub(crate) fn take_waiting(&mut self, then: Instant) -> Vec<ClaimedJob> {
        let lines = self.lines.iter_mut();
        let taken: Vec<_> = lines.flat_map(|line| line.take_waiting(then)).collect();
        for job in &taken {
            self.set_stage(job.id, job.claim, Stage::Ending);
        }
        taken
    }

    /// Everything that is held, with its claim.
    pub(crate) fn claims(&self) -> FxHashMap<JobId, i64> {
        self.held
            .iter()
            .map(|(job, held)| (*job, held.claim))
            .collect()
    }

    pub(crate) fn holds_nothing(&self) -> bool {
        self.held.is_empty()
    }

    fn set_stage(&mut self, job: JobId, claim: i64, stage: Stage) {
        if let Some(held) = self.held(job, claim) {
            held.stage = stage;
        }
    }

    /// A job, if it is held under that claim and not under a later one.
    fn held(&mut self, job: JobId, claim: i64) -> Option<&mut Held> {
        self.held.get_mut(&job).filter(|held| held.claim == claim)
    }

    fn line(&mut self, queue: &str) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| &*line.name == queue)
    }
}

#[cfg(test)]
mod tests;
