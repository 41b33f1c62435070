//! What is paused, as the board sees it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Board, Stage};
use crate::driver::{ClaimedJob, Pausable};
use crate::task::Registry;

/// What of a worker's queues and tasks may be claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claimable {
    /// The names of the tasks that may be claimed; `None` if all may, which is the usual case.
    pub(super) tasks: Option<Arc<[String]>>,
    paused_queues: BTreeSet<String>,
}

impl Claimable {
    /// What is left of the tasks in `registry` and of all queues.
    pub(crate) fn of(registry: &Registry, paused: &[Pausable]) -> Self {
        let mut claimable = Self::default();
        let mut tasks = BTreeSet::new();
        for what in paused {
            match what {
                Pausable::Queue(name) => {
                    claimable.paused_queues.insert(name.clone());
                }
                // Whatever name it is paused by, its jobs may carry another.
                Pausable::Task(name) => tasks.extend(registry.task(name).map(|task| task.name())),
            }
        }
        if !tasks.is_empty() {
            let is_free = |name: &&str| {
                let task = registry.task(name);
                task.is_some_and(|task| !tasks.contains(task.name()))
            };
            let free = registry.names().filter(is_free).map(str::to_owned);
            claimable.tasks = Some(free.collect());
        }
        claimable
    }

    fn has_queue(&self, name: &str) -> bool {
        let has_tasks = self.tasks.as_ref().is_none_or(|tasks| !tasks.is_empty());
        has_tasks && !self.paused_queues.contains(name)
    }

    fn has_task(&self, name: &str) -> bool {
        let named = |tasks: &Arc<[String]>| tasks.iter().any(|task| task == name);
        self.tasks.as_ref().is_none_or(named)
    }
}

impl Board {
    /// Sets what may be claimed. Returns whether that is something else than before: then every
    /// queue may have jobs, and [`take_paused`](Self::take_paused) has some to give back.
    pub(crate) fn restrict(&mut self, claimable: Claimable) -> bool {
        if self.claimable == claimable {
            return false;
        }
        for line in &mut self.lines {
            line.paused = !claimable.has_queue(&line.name);
        }
        self.claimable = claimable;
        self.mark_all_hungry();
        true
    }

    /// Whether anything is paused that this worker would claim.
    pub(crate) fn is_restricted(&self) -> bool {
        self.claimable.tasks.is_some() || self.lines.iter().any(|line| line.paused)
    }

    /// Takes out what waits and is paused. They count as ending.
    pub(crate) fn take_paused(&mut self) -> Vec<ClaimedJob> {
        if !self.is_restricted() {
            return Vec::new();
        }
        let mut taken = Vec::new();
        for line in &mut self.lines {
            let (paused, claimable) = (line.paused, &self.claimable);
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
