//! How many jobs to hold ready beside the running ones.

use std::time::{Duration, Instant};

/// How much work may wait in a worker. Longer waits would keep jobs from workers that are idle;
/// shorter ones would leave slots empty while a claim is on its way.
const WORK_AHEAD: Duration = Duration::from_millis(50);

/// The most jobs that wait, which bounds the jobs that a crash gives back, and memory: an input that
/// comes with a claim has at most 1.5 KiB, so that all of them have 1.5 MiB.
const PREFETCH_MAX: f64 = 1000.0;

/// The shortest time over which the rate is measured.
const WINDOW: Duration = Duration::from_millis(5);

/// Measures how fast jobs finish.
#[derive(Debug)]
pub(crate) struct Pace {
    since: Instant,
    finished: u64,
    per_second: f64,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            finished: 0,
            per_second: 0.0,
        }
    }

    /// Takes note of how many jobs have finished in all.
    pub(crate) fn observe(&mut self, finished: u64, now: Instant) {
        let window = now.saturating_duration_since(self.since);
        if window < WINDOW {
            return;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate needs no more than 53 bits"
        )]
        let count = finished.saturating_sub(self.finished) as f64;
        let rate = count / window.as_secs_f64();
        // Half of the old rate: a burst is followed within a few windows, a hiccup is not.
        self.per_second = f64::midpoint(self.per_second, rate);
        self.since = now;
        self.finished = finished;
    }

    /// How many jobs should wait so that slots do not run empty.
    pub(crate) fn prefetch(&self) -> usize {
        let jobs = (self.per_second * WORK_AHEAD.as_secs_f64()).min(PREFETCH_MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and PREFETCH_MAX"
        )]
        let jobs = jobs as usize;
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(jobs_per_window: &[u64], window: Duration) -> usize {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let (mut finished, mut now) = (0, start);
        for jobs in jobs_per_window {
            finished += jobs;
            now += window;
            pace.observe(finished, now);
        }
        pace.prefetch()
    }

    #[test]
    fn nothing_waits_before_anything_has_finished() {
        assert_eq!(pace(&[], Duration::from_secs(1)), 0);
    }

    #[test]
    fn slow_jobs_are_not_hoarded() {
        assert!(pace(&[10, 10, 10, 10], Duration::from_secs(1)) <= 1);
    }

    #[test]
    fn fast_jobs_wait_up_to_the_bound() {
        assert_eq!(pace(&[1000, 1000, 1000], Duration::from_millis(10)), 1000);
    }

    #[test]
    fn the_number_falls_when_jobs_become_slow() {
        let slower = [1000, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(pace(&slower, Duration::from_millis(10)) < 10);
    }
}
