//! What becomes of a lock file when the code has changed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::lock::{Contract, Lock};
use crate::shape::{Edit, Shape};

/// A lock file beside the code of today.
#[derive(Debug)]
pub(super) struct Review {
    /// What queued jobs could not be read after.
    pub(super) findings: Vec<Finding>,
    /// What the file is to become. What is found is not in it any more.
    pub(super) lock: Lock,
    /// The tasks that are new, gone, or have another contract.
    pub(super) changed: BTreeSet<String>,
}

/// Compares what the file says with what the tasks are now.
pub(super) fn review(file: &Lock, now: &Lock) -> Review {
    let mut review = Review {
        findings: Vec::new(),
        lock: Lock::default(),
        changed: BTreeSet::new(),
    };
    for (task, contract) in &now.tasks {
        let became = match file.tasks.get(task) {
            Some(was) => review.task(task, was, &contract.now),
            None => contract.clone(),
        };
        if file.tasks.get(task) != Some(&became) {
            review.changed.insert(task.clone());
        }
        review.lock.tasks.insert(task.clone(), became);
    }
    for (task, was) in &file.tasks {
        if !now.tasks.contains_key(task) {
            review.changed.insert(task.clone());
            review.findings.push(Finding::Gone {
                task: task.clone(),
                renamed: renamed(was, file, now),
            });
        }
    }
    review
}

impl Review {
    /// What becomes of the contract of a task whose shape is `now`.
    fn task(&mut self, task: &str, was: &Contract, now: &Shape) -> Contract {
        let mut edits: BTreeMap<String, (Edit, Vec<i64>)> = BTreeMap::new();
        let mut old = Vec::new();
        for shape in std::iter::once(&was.now).chain(&was.old) {
            if shape == now {
                continue;
            }
            let found = now.edits_since(shape);
            if found.is_empty() && !old.contains(shape) {
                old.push(shape.clone());
            }
            for edit in found {
                let (_, fingerprints) = edits
                    .entry(edit.to_string())
                    .or_insert_with(|| (edit, Vec::new()));
                fingerprints.push(shape.fingerprint(task));
            }
        }
        let findings = edits
            .into_values()
            .map(|(edit, fingerprints)| Finding::Edited {
                task: task.to_owned(),
                edit,
                fingerprints,
            });
        self.findings.extend(findings);
        Contract {
            now: now.clone(),
            old,
        }
    }
}

/// A new task with the very input of the one that is gone.
fn renamed(gone: &Contract, file: &Lock, now: &Lock) -> Option<String> {
    let mut new = now
        .tasks
        .iter()
        .filter(|(task, contract)| !file.tasks.contains_key(*task) && contract.now == gone.now);
    new.next().map(|(task, _)| task.clone())
}
