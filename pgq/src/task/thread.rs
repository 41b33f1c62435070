//! Whether the thread of a task that blocks has ended.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One attempt's thread, which may outlast the attempt.
#[derive(Default)]
pub(crate) struct ThreadState(Mutex<State>);

#[derive(Default)]
enum State {
    /// There is none, or it has ended.
    #[default]
    Ended,
    Running,
    /// It runs, and somebody wants to hear of its end.
    Awaited(Box<dyn FnOnce() + Send>),
}

impl ThreadState {
    pub(super) fn begin(&self) {
        *self.lock() = State::Running;
    }

    pub(super) fn end(&self) {
        let state = std::mem::take(&mut *self.lock());
        if let State::Awaited(tell) = state {
            tell();
        }
    }

    /// If the thread runs, calls `before`, and `tell` when the thread ends. Returns whether it runs.
    pub(crate) fn on_end(
        &self,
        before: impl FnOnce(),
        tell: impl FnOnce() + Send + 'static,
    ) -> bool {
        let mut state = self.lock();
        let runs = matches!(*state, State::Running);
        if runs {
            before();
            *state = State::Awaited(Box::new(tell));
        }
        runs
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = !matches!(*self.lock(), State::Ended);
        f.debug_struct("ThreadState").field("runs", &runs).finish()
    }
}
