//! How long a failed job waits for its next attempt.

use std::time::Duration;

/// The rule from an attempt to the delay before the next one.
///
/// Exponential: `base * 2^(attempt - 1)`, at most `max`, then spread by ± 25 % so that jobs that
/// failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    max: Duration,
}

/// How far a delay is spread to either side, as a part of it.
const JITTER: f64 = 0.25;

impl Backoff {
    /// 1 s, 2 s, 4 s and so on, at most 1 h.
    pub const DEFAULT: Self = Self::exponential(Duration::from_secs(1), Duration::from_secs(3600));

    /// Doubles from `base` up to `max`.
    #[must_use]
    pub const fn exponential(base: Duration, max: Duration) -> Self {
        Self { base, max }
    }

    /// The delay after `attempt`, which counts from 1. `random` is in `0.0..1.0`.
    #[must_use]
    pub fn delay(&self, attempt: i16, random: f64) -> Duration {
        let doublings = u32::from(attempt.max(1).unsigned_abs() - 1).min(31);
        let delay = self.base.saturating_mul(1 << doublings).min(self.max);
        delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * random.clamp(0.0, 1.0))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum() {
        let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60));

        let delays: Vec<u64> = [1, 2, 3, 6, 7, 8, i16::MAX]
            .map(|attempt| backoff.delay(attempt, 0.5).as_secs())
            .to_vec();

        assert_eq!(delays, [1, 2, 4, 32, 60, 60, 60]);
    }

    #[test]
    fn jitter_spreads_a_delay_by_a_quarter() {
        let backoff = Backoff::exponential(Duration::from_secs(100), Duration::from_secs(100));

        assert_eq!(backoff.delay(1, 0.0), Duration::from_secs(75));
        assert_eq!(backoff.delay(1, 1.0), Duration::from_secs(125));
    }

    #[test]
    fn attempts_out_of_range_do_not_overflow() {
        assert!(Backoff::DEFAULT.delay(i16::MIN, 0.5) <= Duration::from_secs(3600));
        assert!(Backoff::DEFAULT.delay(0, 0.5) <= Duration::from_secs(3600));
    }
}
