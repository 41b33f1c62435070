//! Watches attempts from outside of the runtime that they run on, since they may hold all of it.
//!
//! An async task can only be stopped where it awaits, and a thread not at all. So what overstays is
//! given up, and what holds its thread for long is named.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::hub::Hub;
use super::runner::end_given_up;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long an attempt that must end may take to notice, before it is given up.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a task may hold its thread before it is named.
const HOG_AFTER: Duration = Duration::from_secs(1);

/// How long it is before the same task is named again.
const NAME_AGAIN: Duration = Duration::from_secs(60);

/// Wakes a thread of the runtime that sleeps.
///
/// One of the threads waits for sockets and timers on behalf of all. If it was that one which took up the
/// task and is held now, while the others slept, nobody waits for them: not for what cancels the task
/// either. A thread that wakes takes it over when it has nothing to do. While every thread is held, nothing
/// more is left for them.
fn rouse(hub: &Hub, last: &mut Option<JoinHandle<()>>) {
    if last.as_ref().is_none_or(JoinHandle::is_finished) {
        *last = Some(hub.runtime.spawn(std::future::ready(())));
    }
}

/// Watches for as long as it is polled.
pub(crate) async fn run(hub: Arc<Hub>) {
    let mut named: HashMap<Arc<str>, Instant> = HashMap::new();
    let mut roused = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = Instant::now();
        let (hogs, given_up) = {
            let mut board = hub.board();
            (board.hogs(now, LOOK_EVERY), board.give_up(now, PATIENCE))
        };
        if !hogs.is_empty() {
            rouse(&hub, &mut roused);
        }
        for hog in hogs {
            if hog.since < HOG_AFTER {
                continue;
            }
            let recent = |then: &Instant| now.saturating_duration_since(*then) < NAME_AGAIN;
            if named.get(&hog.task).is_some_and(recent) {
                continue;
            }
            named.insert(Arc::clone(&hog.task), now);
            tracing::warn!(
                task = &*hog.task,
                job = hog.job.as_i64(),
                "a task has held its thread for {:?} without an `await`; nothing else can run there. \
                 Let it run as `#[pgq::task(blocking)]`, or use `tokio::task::spawn_blocking`",
                hog.since,
            );
        }
        if !given_up.is_empty() {
            let end = end_given_up(Arc::clone(&hub), given_up);
            hub.attempts.spawn_on(end, &hub.runtime);
        }
    }
}
