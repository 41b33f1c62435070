//! Permits of fleet-wide limits: what this worker has, and what it does with them.

use std::sync::Arc;
use std::time::Instant;

use super::{Board, Demand, Source};
use crate::driver::{Allotment, Keep};
use crate::limit::{Limited, Share, allot};

/// One limit that the worker knows, or has known.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) limit: Limited,
    /// The names that the jobs of the task carry; none if it is a queue.
    names: Vec<String>,
    /// Whether the limit is in force.
    pub(super) closed: bool,
    /// How many permits the worker has.
    permits: u32,
    /// How many of them it may use: fewer where the limit was lowered, or where others are short.
    cap: u32,
    /// The most that were in use since it last looked whether it has too many.
    peak: u32,
    /// What it has use for, while it is short of permits.
    wants: Option<u32>,
    /// What the storage has in the worker's row; `None` if that is not known.
    stored: Option<Share>,
}

impl Gate {
    pub(super) fn new(limit: Limited, names: Vec<String>) -> Self {
        Self {
            limit,
            names,
            closed: true,
            permits: 0,
            cap: 0,
            peak: 0,
            wants: None,
            stored: Some(Share::default()),
        }
    }

    fn covers(&self, queue: &str, task: &str) -> bool {
        match &self.limit {
            Limited::Queue(name) => name == queue,
            Limited::Task(_) => self.names.iter().any(|name| name == task),
        }
    }

    /// How many more jobs may run than the `in_use` that do.
    pub(super) fn room(&self, in_use: u32) -> usize {
        if !self.closed {
            return usize::MAX;
        }
        let room = self.permits.min(self.cap).saturating_sub(in_use);
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Whether the worker may have a row.
    fn is_stored(&self) -> bool {
        self.stored != Some(Share::default())
    }
}

impl Board {
    /// How many jobs under a limit run here, those included that nobody waits for any more.
    pub(super) fn in_use(&self, gate: &Gate) -> u32 {
        match &gate.limit {
            Limited::Queue(name) => {
                let line = self.lines.iter().find(|line| *line.name == **name);
                line.map_or(0, |line| line.in_use)
            }
            Limited::Task(_) => {
                let of = |name: &String| self.in_use.get(&**name).copied().unwrap_or_default();
                gate.names.iter().map(of).sum()
            }
        }
    }

    /// A job of that queue and task starts.
    pub(super) fn count(&mut self, queue: &str, task: &Arc<str>) {
        match self.in_use.get_mut(&**task) {
            Some(count) => *count += 1,
            None => {
                self.in_use.insert(Arc::clone(task), 1);
            }
        }
        if let Some(line) = self.line(queue) {
            line.in_use += 1;
        }
        for at in 0..self.gates.len() {
            if self.gates[at].covers(queue, task) {
                let in_use = self.in_use(&self.gates[at]);
                let gate = &mut self.gates[at];
                gate.peak = gate.peak.max(in_use);
            }
        }
    }

    /// A job of that queue and task does not run any more, nor does anything that it has left.
    pub(crate) fn release(&mut self, queue: &str, task: &str) {
        if let Some(count) = self.in_use.get_mut(task) {
            *count = count.saturating_sub(1);
        }
        if let Some(line) = self.line(queue) {
            line.in_use = line.in_use.saturating_sub(1);
            line.finish(task);
        }
    }

    /// Takes in what was answered to a claim that asked for permits or tokens: the permits of each
    /// limit, when to ask again if jobs wait, and when one has its turn.
    pub(crate) fn asked(
        &mut self,
        demand: &Demand,
        permits: &[u32],
        again: Option<Instant>,
        turn: Option<Instant>,
    ) {
        for (ask, permits) in demand.permits.iter().zip(permits) {
            let gate = self.gates.iter_mut().find(|gate| gate.limit == ask.limit);
            if let Some(gate) = gate {
                (gate.permits, gate.cap) = (*permits, *permits);
                gate.peak = gate.peak.max(*permits);
                gate.wants = again.map(|_| ask.wants);
                // Whether it said what it wants, only the storage knows.
                gate.stored = None;
            }
        }
        if let Some(source) = self.source_of(demand) {
            (source.again, source.turn) = (again, turn);
            source.hungry |= again.is_some();
        }
    }

    /// What may be free was not looked at: it is to be asked for again.
    pub(crate) fn not_asked(&mut self, demand: &Demand) {
        let keys = self
            .source_of(demand)
            .and_then(|source| source.keys.as_mut());
        if let (Some(keys), Some(asked)) = (keys, &demand.keys) {
            keys.ended.extend(&asked.ended);
            keys.all |= asked.all;
        }
    }

    /// An answer was lost: the permits may be others than these.
    pub(crate) fn ask_failed(&mut self, demand: &Demand) {
        for ask in &demand.permits {
            let gate = self.gates.iter_mut().find(|gate| gate.limit == ask.limit);
            if let Some(gate) = gate {
                gate.stored = None;
            }
        }
        self.not_asked(demand);
    }

    /// The sources that a claim has taken from may have more jobs.
    pub(crate) fn mark_source_hungry(&mut self, demand: &Demand) {
        let Some(line) = self.line(&demand.queue) else {
            return;
        };
        for source in &mut line.sources {
            source.hungry |= source.task == demand.task || demand.along.contains(&source.task);
        }
    }

    fn source_of(&mut self, demand: &Demand) -> Option<&mut Source> {
        let line = self.line(&demand.queue)?;
        line.sources
            .iter_mut()
            .find(|source| source.task == demand.task)
    }

    /// The limits that the worker may have permits of.
    pub(crate) fn allotted(&self) -> Vec<Limited> {
        let gates = self.gates.iter().filter(|gate| gate.is_stored());
        gates.map(|gate| gate.limit.clone()).collect()
    }

    /// Decides what to keep, by what the others have: what was in use since the last time, and not
    /// more than the worker's part. What it gives back is not used from now on.
    pub(crate) fn settle(&mut self, allotments: &[Allotment]) -> Vec<Keep> {
        let mut kept = Vec::new();
        for allotment in allotments {
            let Some(at) = self
                .gates
                .iter()
                .position(|gate| gate.limit == allotment.limit)
            else {
                continue;
            };
            let in_use = self.in_use(&self.gates[at]);
            let waiting = self.waiting_at(at);
            let gate = &mut self.gates[at];
            let used = gate.peak.max(in_use.saturating_add(waiting));
            let wants = gate.wants.unwrap_or(used).max(used);
            let others: Vec<Share> = allotment
                .others
                .iter()
                .map(|&(permits, wants)| Share { permits, wants })
                .collect();
            let part = allotment
                .max
                .map_or(wants, |max| allot(max, &others, wants));
            gate.cap = part;
            gate.permits = gate.permits.min(used).min(part).max(in_use);
            gate.peak = in_use;
            let share = Share {
                permits: gate.permits,
                wants: gate
                    .wants
                    .map_or(gate.permits, |wants| wants.max(gate.permits)),
            };
            if gate.stored != Some(share) {
                gate.stored = Some(share);
                kept.push(Keep {
                    limit: gate.limit.clone(),
                    permits: share.permits,
                    wants: share.wants,
                });
            }
        }
        kept
    }

    /// Nothing is claimed from a queue any more.
    pub(super) fn want_nothing(&mut self, queue: &str) {
        let is = |gate: &&mut Gate| matches!(&gate.limit, Limited::Queue(name) if name == queue);
        if let Some(gate) = self.gates.iter_mut().find(is) {
            gate.wants = None;
        }
    }

    /// The storage may not have taken in what is kept.
    pub(crate) fn settle_failed(&mut self, kept: &[Keep]) {
        for keep in kept {
            let gate = self.gates.iter_mut().find(|gate| gate.limit == keep.limit);
            if let Some(gate) = gate {
                gate.stored = None;
            }
        }
    }

    /// How many claimed jobs wait for a slot and will use permits of a limit.
    pub(super) fn waiting_at(&self, gate: usize) -> u32 {
        let sources = self.lines.iter().flat_map(|line| &line.sources);
        let waiting = sources
            .filter(|source| source.gates.contains(&gate))
            .map(|source| source.waiting.len())
            .sum::<usize>();
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
