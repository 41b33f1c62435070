//! How far an attempt is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Attempt, Context, Host};
use crate::driver::NewProgress;

/// The least time between two writes of the progress of one attempt.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the end of an attempt may wait until its last progress is written.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest message that is kept, in bytes.
const MESSAGE_MAX: usize = 1000;

/// What an attempt has reported of itself, and not yet written.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    state: Mutex<State>,
    /// Held by whoever writes, so that a later report is not overtaken by an earlier one.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<NewProgress>,
    /// Whether somebody will write what is reported.
    has_writer: bool,
}

impl Reports {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// Says how far the attempt is: that `done` parts of `total` are done, and what it does now. Shown
    /// by [`JobHandle::progress`](crate::JobHandle::progress) and in the view `job`.
    ///
    /// Call it as often as you like: about once a second the latest report is written, and the last
    /// one when the attempt ends. Nothing waits for that, and an error of the storage is only logged.
    /// The message is cut at 1000 bytes. What a completed or failed job reported last is kept with it;
    /// the next attempt begins with it too, until it reports.
    ///
    /// An attempt whose job was taken from its worker writes nothing, and neither does a context that is
    /// of no single job.
    pub fn progress(&self, done: u64, total: u64, message: impl Into<String>) {
        let Some(host) = &self.own().host else {
            return;
        };
        let mut state = self.own().reports.state();
        state.latest = Some(NewProgress {
            done: i64::try_from(done).unwrap_or(i64::MAX),
            total: i64::try_from(total).unwrap_or(i64::MAX),
            message: storable(&message.into()),
        });
        // Outside of a runtime, on a thread of the task's own, the last report is written at the end.
        if !state.has_writer
            && let Ok(runtime) = Handle::try_current()
        {
            state.has_writer = true;
            // It holds no more of the attempt than that: a permit would be held up to the next look.
            runtime.spawn(write_all(self.share(), Arc::clone(host)));
        }
    }

    /// Whether the attempt has reported any.
    pub(crate) fn has_progress(&self) -> bool {
        !self.own().reports.is_silent()
    }

    /// Writes the last report, when the attempt has ended. Gives up after a short time.
    pub(crate) async fn flush_progress(&self) {
        let Some(host) = &self.own().host else {
            return;
        };
        if self.own().reports.is_silent() {
            return;
        }
        if tokio::time::timeout(PATIENCE, self.own().write_progress(host))
            .await
            .is_err()
        {
            tracing::warn!("no time to write the last progress of an attempt");
        }
    }
}

impl Attempt {
    /// Writes the latest report; returns `false` if there is none, or the job is not held any more.
    async fn write_progress(&self, host: &Arc<dyn Host>) -> bool {
        let _writing = self.reports.writing.lock().await;
        let Some(report) = self.reports.state().latest.take() else {
            return false;
        };
        let driver = host.driver();
        match driver
            .set_progress(host.worker(), self.job, self.claim, &report)
            .await
        {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "failed to write the progress of an attempt");
                true
            }
        }
    }
}

impl Reports {
    /// Whether nothing was ever reported, so that there is nothing to write or to wait for.
    fn is_silent(&self) -> bool {
        let state = self.state();
        state.latest.is_none() && !state.has_writer
    }
}

/// Writes reports while there are new ones.
async fn write_all(attempt: Arc<Attempt>, host: Arc<dyn Host>) {
    loop {
        let written = attempt.write_progress(&host).await;
        tokio::time::sleep(INTERVAL).await;
        let mut state = attempt.reports.state();
        if !written || state.latest.is_none() {
            state.has_writer = false;
            return;
        }
    }
}

/// Makes a message one that can be stored: without NUL, and of bounded length.
fn storable(message: &str) -> String {
    let mut message = message.replace('\0', "\u{fffd}");
    if message.len() > MESSAGE_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_MAX));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_can_be_stored() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        assert_eq!(storable(&"ä".repeat(MESSAGE_MAX)).len(), MESSAGE_MAX);
        assert_eq!(
            storable(&format!("a{}", "ä".repeat(MESSAGE_MAX))).len(),
            MESSAGE_MAX - 1
        );
    }
}
