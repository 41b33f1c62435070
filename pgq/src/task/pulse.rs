//! What others can see of an attempt while it runs.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::thread::ThreadState;

/// Written by the attempt, and read on another thread: whatever runs the attempt may be stuck in it.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Since when its thread has been in it without a pause; 0 while it waits.
    inside_since: AtomicU64,
    /// When it must have ended; 0 if that is not known, [`ENDED`] once it has.
    ends_at: AtomicU64,
    /// The thread of a task that blocks.
    pub(crate) thread: ThreadState,
}

/// The end of an attempt that has ended: nothing can overstay it.
const ENDED: u64 = u64::MAX;

/// Times are told as nanoseconds from here.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn stamp(time: Instant) -> u64 {
    let since = time.saturating_duration_since(*EPOCH);
    u64::try_from(since.as_nanos())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

impl Pulse {
    pub(crate) fn enter(&self, now: Instant) {
        self.inside_since.store(stamp(now), Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.inside_since.store(0, Ordering::Relaxed);
    }

    /// For how long a thread has been in it without a pause.
    pub(crate) fn inside(&self, now: Instant) -> Duration {
        match self.inside_since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_nanos(stamp(now).saturating_sub(since)),
        }
    }

    /// It must have ended by then, unless it must have ended earlier.
    pub(crate) fn must_end(&self, at: Instant) {
        let at = stamp(at).min(ENDED - 1);
        let earlier = |current| (current == 0 || current != ENDED && at < current).then_some(at);
        let _ = self
            .ends_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, earlier);
    }

    /// Its task has ended, and will never overstay. What is left is not the task's.
    pub(crate) fn ended(&self) {
        self.ends_at.store(ENDED, Ordering::Relaxed);
    }

    /// By how much it has overstayed; `None` if it has not.
    pub(crate) fn overstayed(&self, now: Instant) -> Option<Duration> {
        match self.ends_at.load(Ordering::Relaxed) {
            0 => None,
            at => stamp(now).checked_sub(at).map(Duration::from_nanos),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After the first use of the clock, wherever that is.
    fn now() -> Instant {
        LazyLock::force(&EPOCH);
        Instant::now()
    }

    #[test]
    fn an_attempt_is_inside_between_its_pauses() {
        let (pulse, now) = (Pulse::default(), now());
        let later = now + Duration::from_secs(3);

        assert_eq!(pulse.inside(later), Duration::ZERO);
        pulse.enter(now);
        assert_eq!(pulse.inside(later), Duration::from_secs(3));
        pulse.leave();
        assert_eq!(pulse.inside(later), Duration::ZERO);
    }

    #[test]
    fn the_earliest_end_counts() {
        let (pulse, now) = (Pulse::default(), now());
        let second = Duration::from_secs(1);

        assert_eq!(pulse.overstayed(now), None);
        pulse.must_end(now + 2 * second);
        pulse.must_end(now + second);
        pulse.must_end(now + 3 * second);
        assert_eq!(pulse.overstayed(now), None);
        assert_eq!(pulse.overstayed(now + 2 * second), Some(second));
    }

    #[test]
    fn an_attempt_that_has_ended_overstays_no_more() {
        let (pulse, now) = (Pulse::default(), now());
        let second = Duration::from_secs(1);

        pulse.must_end(now);
        pulse.ended();
        assert_eq!(pulse.overstayed(now + second), None);
        pulse.must_end(now);
        assert_eq!(pulse.overstayed(now + second), None);
    }
}
