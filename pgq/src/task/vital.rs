//! What others can see and tell of an attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Cancel;
use super::pulse::Pulse;

/// Apart from the attempt, so that who watches it keeps nothing else of it.
#[derive(Debug, Default)]
pub(crate) struct Vital {
    /// Tells it to end.
    pub(crate) cancel: Cancel,
    /// Tells others how it does.
    pub(crate) pulse: Pulse,
    /// Those of the call for many jobs that it is part of.
    call: Mutex<Option<Arc<Self>>>,
}

/// That an attempt is part of a call, until this is dropped.
#[derive(Debug)]
pub(super) struct Part<'a> {
    attempt: &'a Vital,
    call: Arc<Vital>,
}

impl Vital {
    /// Lets what the call does count as done by the attempt.
    pub(super) fn take_part(&self, call: Arc<Self>) -> Part<'_> {
        *self.call() = Some(Arc::clone(&call));
        let attempt = self;
        Part { attempt, call }
    }

    /// For how long a thread has been in it without a pause.
    pub(crate) fn inside(&self, now: Instant) -> Duration {
        let call = self.call();
        let of_call = call.as_ref().map(|call| call.pulse.inside(now));
        self.pulse.inside(now).max(of_call.unwrap_or_default())
    }

    /// By how much it has overstayed; `None` if it has not.
    pub(crate) fn overstayed(&self, now: Instant) -> Option<Duration> {
        let call = self.call();
        let of_call = call.as_ref().and_then(|call| call.pulse.overstayed(now));
        self.pulse.overstayed(now).max(of_call)
    }

    fn call(&self) -> MutexGuard<'_, Option<Arc<Self>>> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        let mut call = self.attempt.call();
        // It may be part of another one by now.
        call.take_if(|call| Arc::ptr_eq(call, &self.call));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_does_counts_as_done_by_its_jobs() {
        let (vital, call) = (Vital::default(), Arc::<Vital>::default());
        let second = Duration::from_secs(1);
        call.pulse.enter(Instant::now());
        let now = Instant::now();
        call.pulse.must_end(now + second);

        let part = vital.take_part(Arc::clone(&call));
        assert!(vital.inside(now + second) >= second);
        assert_eq!(vital.overstayed(now), None);
        assert_eq!(vital.overstayed(now + 2 * second), Some(second));

        let next = vital.take_part(Arc::default());
        drop(part);
        assert!(vital.call().is_some());
        drop(next);
        assert_eq!(vital.inside(now + second), Duration::ZERO);
        assert_eq!(vital.overstayed(now + 2 * second), None);
    }
}
