//! What is paused, and what is under limits, as the board sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::gate::Gate;
use super::source::Keys;
use super::{Board, Source, Stage};
use crate::driver::{ClaimedJob, Directives, Pausable};
use crate::limit::{FleetLimit, KeyLimit, Limited};
use crate::task::{Registry, TaskDescriptor};
use crate::worker::limits::key_limit;

/// What of a worker's queues and tasks may be claimed, and what of it is under limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claimable {
    /// The names of the tasks that are claimed together; `None`: all, which is the usual case.
    tasks: Option<Arc<[String]>>,
    limited: Vec<LimitedTask>,
    limited_queues: BTreeSet<String>,
    paused_queues: BTreeSet<String>,
    has_paused_tasks: bool,
}

/// A task that is claimed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LimitedTask {
    name: Arc<str>,
    names: Arc<[String]>,
    is_paused: bool,
    /// Whether it takes permits.
    running: bool,
    /// Whether it takes tokens.
    rate: bool,
    /// The name that its keys go by, and what is limited for each.
    keys: Option<(Arc<str>, KeyLimit)>,
}

impl Claimable {
    /// What is left of the tasks in `registry` and of all queues.
    pub(crate) fn of(registry: &Registry, directives: &Directives) -> Self {
        let mut claimable = Self::default();
        let mut paused = BTreeSet::new();
        for what in &directives.paused {
            match what {
                Pausable::Queue(name) => {
                    claimable.paused_queues.insert(name.clone());
                }
                // Whatever name it is paused by, its jobs may carry another.
                Pausable::Task(name) => {
                    paused.extend(registry.task(name).map(TaskDescriptor::name));
                }
            }
        }
        let names = |task: &TaskDescriptor| {
            let of =
                |name: &&str| registry.task(name).map(TaskDescriptor::name) == Some(task.name());
            registry.names().filter(of).map(str::to_owned).collect()
        };
        let queues = directives.limits.iter().map(|limit| &limit.what);
        claimable
            .limited_queues
            .extend(queues.filter_map(|what| match what {
                Limited::Queue(name) => Some(name.clone()),
                Limited::Task(_) => None,
            }));
        let limit_of = |task: &TaskDescriptor| {
            let mut limits = directives.limits.iter();
            limits.find(|limit| matches!(&limit.what, Limited::Task(name) if name == task.name()))
        };
        let limited = registry.tasks().filter_map(|task| {
            let limit = limit_of(task);
            let keys = keys(task, limit);
            (limit.is_some() || keys.is_some()).then(|| LimitedTask {
                name: Arc::from(task.name()),
                names: names(task),
                is_paused: paused.contains(task.name()),
                running: limit.is_some_and(|limit| limit.running.is_some()),
                rate: limit.is_some_and(|limit| limit.rate.is_some()),
                keys: keys.map(|keys| (Arc::from(task.key_name()), keys)),
            })
        });
        claimable.limited.extend(limited);
        claimable.has_paused_tasks = !paused.is_empty();
        if claimable.has_paused_tasks || !claimable.limited.is_empty() {
            let is_apart = |name: &str| claimable.limited.iter().any(|task| *task.name == *name);
            let is_free = |name: &&str| {
                let task = registry.task(name);
                task.is_some_and(|task| !paused.contains(task.name()) && !is_apart(task.name()))
            };
            let free = registry.names().filter(is_free).map(str::to_owned);
            claimable.tasks = Some(free.collect());
        }
        claimable
    }

    /// Whether nothing is paused and nothing under limits.
    pub(super) fn is_default(&self) -> bool {
        self.tasks.is_none() && self.limited_queues.is_empty()
    }

    fn has_queue(&self, name: &str) -> bool {
        let has_tasks = self.tasks.as_ref().is_none_or(|tasks| !tasks.is_empty());
        let has_limited = self.limited.iter().any(|task| !task.is_paused);
        (has_tasks || has_limited) && !self.paused_queues.contains(name)
    }

    fn has_task(&self, name: &str) -> bool {
        let named = |tasks: &Arc<[String]>| tasks.iter().any(|task| task == name);
        let mut limited = self.limited.iter().filter(|task| !task.is_paused);
        self.tasks.as_ref().is_none_or(named) || limited.any(|task| named(&task.names))
    }
}

/// What is limited for each key: what this build declares, which nobody can take from it, with the number
/// that is in force; or what another build declares, whose jobs have keys.
fn keys(task: &TaskDescriptor, limit: Option<&FleetLimit>) -> Option<KeyLimit> {
    let stored = limit.and_then(|limit| limit.by_key);
    let Some(own) = key_limit(task.options) else {
        return stored;
    };
    let running = stored.and_then(|stored| stored.running);
    Some(KeyLimit {
        running: running.or(own.running),
        ordered: own.ordered || stored.is_some_and(|stored| stored.ordered),
        rate: stored.and_then(|stored| stored.rate).or(own.rate),
    })
}

impl Board {
    /// Sets what may be claimed. Returns whether that is something else than before: then every
    /// queue may have jobs, and [`take_paused`](Self::take_paused) has some to give back.
    pub(crate) fn restrict(&mut self, claimable: Claimable, now: Instant) -> bool {
        if self.claimable == claimable {
            return false;
        }
        self.gates.iter_mut().for_each(|gate| gate.closed = false);
        for task in claimable.limited.iter().filter(|task| task.running) {
            let limit = Limited::Task(task.name.to_string());
            self.close(limit, task.names.to_vec());
        }
        for queue in &claimable.limited_queues {
            self.close(Limited::Queue(queue.clone()), Vec::new());
        }
        for line in &mut self.lines {
            line.paused = !claimable.has_queue(&line.name);
            let waiting = line.waiting_jobs();
            let gates = |of: &str, task: bool| {
                let is = |gate: &Gate| match &gate.limit {
                    Limited::Queue(name) => !task && name == of,
                    Limited::Task(name) => task && name == of,
                };
                let closed = self.gates.iter().position(|gate| gate.closed && is(gate));
                closed.into_iter()
            };
            let mut together = Source::new(None, claimable.tasks.clone(), now);
            together.gates = gates(&line.name, false).collect();
            line.sources = vec![together];
            // Those under limits come first: when they have their permits, one claim takes from all.
            line.turn = 1;
            for task in &claimable.limited {
                let names = match task.is_paused {
                    true => Arc::default(),
                    false => Arc::clone(&task.names),
                };
                let mut source = Source::new(Some(Arc::clone(&task.name)), Some(names), now);
                source.gates = gates(&task.name, true)
                    .chain(gates(&line.name, false))
                    .collect();
                source.rate = task.rate;
                let keys = task.keys.clone();
                source.keys = keys.map(|(name, limit)| Keys::new(name, limit));
                line.sources.push(source);
            }
            waiting.into_iter().for_each(|waiting| line.put(waiting));
        }
        self.claimable = claimable;
        self.mark_all_hungry();
        true
    }

    /// Puts a limit in force.
    fn close(&mut self, limit: Limited, names: Vec<String>) {
        match self.gates.iter_mut().find(|gate| gate.limit == limit) {
            Some(gate) => gate.closed = true,
            None => self.gates.push(Gate::new(limit, names)),
        }
    }

    /// Whether anything is paused that this worker would claim.
    pub(crate) fn is_restricted(&self) -> bool {
        self.claimable.has_paused_tasks || self.lines.iter().any(|line| line.paused)
    }

    /// Takes out what waits and is paused, or in a queue that is not served any more: it was on its way
    /// here meanwhile. They count as ending.
    pub(crate) fn take_paused(&mut self) -> Vec<ClaimedJob> {
        if !self.is_restricted() && !self.lines.iter().any(|line| line.removed) {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for line in &mut self.lines {
            let (paused, claimable) = (line.paused || line.removed, &self.claimable);
            taken.extend(
                line.take_those(|waiting| paused || !claimable.has_task(&waiting.job.task)),
            );
        }
        for job in &taken {
            self.set_stage(job.id, job.claim, Stage::Ending);
        }
        taken
    }
}
