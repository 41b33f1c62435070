//! The jobs that wait for a worker, in the order in which they are claimed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::record::Record;
use crate::driver::Claim;
use crate::job::JobId;

/// Where a job stands in its line: highest priority first, then oldest.
type Place = (Reverse<i16>, i64, JobId);

/// The task of jobs and the fingerprint of their input.
type Kind = (String, Option<i64>);

/// The places of one queue by their kind.
type Lines = BTreeMap<Kind, BTreeSet<Place>>;

/// The places by queue and kind, so that jobs that a worker does not know cost its claims nothing.
#[derive(Debug, Default)]
pub(super) struct Ready {
    queues: BTreeMap<String, Lines>,
}

impl Ready {
    /// Adds a job that became ready as number `sequence`.
    pub(super) fn insert(&mut self, record: &Record, sequence: i64) {
        self.queues
            .entry(record.queue.clone())
            .or_default()
            .entry((record.task.clone(), record.fingerprint()))
            .or_default()
            .insert((Reverse(record.priority), sequence, record.id));
    }

    /// Removes a job, whichever its number is.
    pub(super) fn remove(&mut self, record: &Record) {
        let Some(lines) = self.queues.get_mut(&record.queue) else {
            return;
        };
        let kind = (record.task.clone(), record.fingerprint());
        if let Some(line) = lines.get_mut(&kind) {
            line.retain(|(.., id)| *id != record.id);
        }
        lines.retain(|_, line| !line.is_empty());
    }

    /// The jobs that a claim would take, in their order.
    pub(super) fn first(&self, claim: &Claim) -> Vec<JobId> {
        let lines = self.queues.get(&*claim.queue);
        let first = lines.into_iter().flat_map(|lines| places(lines, claim));
        first.map(|(place, _)| place.2).collect()
    }

    /// Removes the jobs that a claim takes, and returns them in their order.
    pub(super) fn take(&mut self, claim: &Claim) -> Vec<JobId> {
        let Some(lines) = self.queues.get_mut(&*claim.queue) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        for (place, kind) in places(lines, claim) {
            if let Some(line) = lines.get_mut(&kind) {
                line.remove(&place);
            }
            taken.push(place.2);
        }
        lines.retain(|_, line| !line.is_empty());
        taken
    }

    /// Whether there is a job for a claim.
    pub(super) fn has(&self, claim: &Claim) -> bool {
        let before = claim.horizon.unwrap_or(i64::MAX);
        let lines = self.queues.get(&*claim.queue).into_iter().flatten();
        lines
            .filter(|(kind, _)| takes(claim, kind))
            .any(|(_, line)| line.iter().any(|&(_, sequence, _)| sequence < before))
    }

    /// The ready jobs, each with the number as which it became ready.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (i64, JobId)> {
        self.queues
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .map(|&(_, sequence, id)| (sequence, id))
    }

    /// A task that has a job in `queue` and is not among `tasks`.
    pub(super) fn unknown_task(&self, queue: &str, tasks: &[String]) -> Option<String> {
        self.queues
            .get(queue)?
            .keys()
            .map(|(task, _)| task)
            .find(|&task| !tasks.contains(task))
            .cloned()
    }

    /// The task and the fingerprint of a job in `queue` of one of `tasks` whose fingerprint is not
    /// among `fingerprints`.
    pub(super) fn unknown_input(
        &self,
        queue: &str,
        tasks: &[String],
        fingerprints: &[i64],
    ) -> Option<(String, i64)> {
        self.queues
            .get(queue)?
            .keys()
            .find_map(|(task, fingerprint)| {
                let unknown = fingerprint.filter(|known| !fingerprints.contains(known))?;
                tasks.contains(task).then(|| (task.clone(), unknown))
            })
    }

    /// The queue of the first job of all queues that is of one of `tasks`.
    pub(super) fn first_queue(&self, tasks: &[String]) -> Option<String> {
        let first = |lines: &Lines| {
            lines
                .iter()
                .filter(|((task, _), _)| tasks.contains(task))
                .filter_map(|(_, line)| line.first())
                .min()
                .copied()
        };
        self.queues
            .iter()
            .filter_map(|(queue, lines)| Some((first(lines)?, queue)))
            .min()
            .map(|(_, queue)| queue.clone())
    }

    /// The tasks that have a job in any queue, by name.
    pub(super) fn tasks(&self) -> Vec<String> {
        let kinds = self.queues.values().flat_map(BTreeMap::keys);
        let tasks: BTreeSet<&String> = kinds.map(|(task, _)| task).collect();
        tasks.into_iter().cloned().collect()
    }
}

/// Where the jobs are that a claim takes, in their order.
fn places(lines: &Lines, claim: &Claim) -> Vec<(Place, Kind)> {
    let before = claim.horizon.unwrap_or(i64::MAX);
    let mut first = BTreeSet::new();
    for (kind, line) in lines.iter().filter(|(kind, _)| takes(claim, kind)) {
        first.extend(
            line.iter()
                .filter(|&&(Reverse(priority), sequence, _)| {
                    sequence < before && claim.takes_priority(priority)
                })
                .take(claim.limit)
                .map(|&place| (place, kind.clone())),
        );
    }
    first.into_iter().take(claim.limit).collect()
}

/// Whether a claim takes jobs of that kind.
fn takes(claim: &Claim, (task, fingerprint): &Kind) -> bool {
    let knows = |known: &[i64]| fingerprint.is_none_or(|fingerprint| known.contains(&fingerprint));
    claim.names().any(|name| name == task) && claim.fingerprints.as_deref().is_none_or(knows)
}
