//! [`Run`]: what one run of a task leaves to the end of its attempt.
//!
//! A layer may run the task of an attempt more than once, also at the same time. Each run has its own
//! children and its own transaction, and only what the run has left counts whose result the layers
//! return.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::Context;
use super::context::Attempt;
use super::descriptor::{RunResult, TaskDescriptor};
use super::transaction::{AttemptTransaction, MakeTransaction};
use crate::driver::Enqueue;

/// How long the end of a run waits for its transaction to be rolled back. One that is not done by then
/// is done when its connection is closed.
const PATIENCE: Duration = Duration::from_secs(35);

/// A run that may be the one that counts. With the last share of this it is not: its transaction is rolled
/// back, and its children are not enqueued.
#[derive(Debug)]
pub(crate) struct HeldRun {
    pub(super) run: Arc<Run>,
    attempt: Weak<Attempt>,
}

/// One run of a task.
#[derive(Debug, Default)]
pub(crate) struct Run {
    left: Mutex<Left>,
    transaction: OnceLock<Box<dyn AttemptTransaction>>,
}

#[derive(Debug, Default)]
struct Left {
    /// What is enqueued when the attempt completes.
    children: Vec<Enqueue>,
    is_over: bool,
}

impl Run {
    /// Keeps a child until the attempt completes. Returns `false` if the run is over.
    pub(super) fn add_child(&self, child: Enqueue) -> bool {
        let mut left = self.left();
        if !left.is_over {
            left.children.push(child);
        }
        !left.is_over
    }

    pub(super) fn each_child(&self, show: impl FnMut(&Enqueue)) {
        self.left().children.iter().for_each(show);
    }

    /// The transaction of the run, which the first call makes.
    pub(super) fn make_transaction(&self, make: &MakeTransaction) -> &dyn AttemptTransaction {
        let left = self.left();
        let made = self.transaction.get_or_init(|| make.make());
        if left.is_over {
            made.close();
        }
        &**made
    }

    /// The transaction, if the task has asked for it.
    pub(crate) fn transaction(&self) -> Option<&dyn AttemptTransaction> {
        self.transaction.get().map(|made| &**made)
    }

    /// Takes nothing more from what the run has left behind.
    pub(crate) fn close(&self) {
        let mut left = self.left();
        left.is_over = true;
        if let Some(transaction) = self.transaction() {
            transaction.close();
        }
    }

    /// Rolls back what the run has written. Waits for it, but not for ever.
    ///
    /// # Cancel safety
    ///
    /// It is rolled back if the call is dropped too.
    pub(crate) async fn roll_back(&self) {
        self.close();
        if let Some(transaction) = self.transaction() {
            let _ = tokio::time::timeout(PATIENCE, transaction.roll_back()).await;
        }
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldRun {
    /// Whether it is a run of that attempt: a layer may have kept the result of another.
    pub(super) fn is_of(&self, attempt: &Arc<Attempt>) -> bool {
        std::ptr::eq(self.attempt.as_ptr(), Arc::as_ptr(attempt))
    }
}

impl Drop for HeldRun {
    fn drop(&mut self) {
        self.run.close();
        if let Some(transaction) = self.run.transaction() {
            // Nobody can wait for it here.
            drop(transaction.roll_back());
        }
    }
}

impl Context {
    /// Runs the task once. What it returns beside the result holds what a run that completes has left.
    pub(crate) async fn run_once(
        &self,
        task: &TaskDescriptor,
        input: Vec<u8>,
    ) -> (RunResult, Arc<HeldRun>) {
        let run = Arc::<Run>::default();
        let held = Arc::new(HeldRun {
            run: Arc::clone(&run),
            attempt: self.weak(),
        });
        let ended = task.run(&self.of_run(run), input).await;
        held.run.close();
        if !matches!(ended, RunResult::Completed(_)) {
            // At once, so that the next run or attempt does not wait for its locks.
            held.run.roll_back().await;
        }
        (ended, held)
    }
}
