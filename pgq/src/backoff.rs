//! How long a failed job waits for its next attempt.

use std::time::Duration;

use crate::queue::DELAY_MAX;

/// The rule from an attempt to the delay before the next one.
///
/// Each delay is spread by [`jitter`](Self::jitter), so that jobs that failed together do not come
/// back together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    growth: Growth,
    first: Duration,
    max: Duration,
    jitter: f64,
}

// `jitter` is never NaN.
impl Eq for Backoff {}

/// How a delay grows from one attempt to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    Fixed,
    Linear,
    Exponential,
}

impl Backoff {
    /// How far a delay is spread unless [`jitter`](Self::jitter) says otherwise: by a quarter.
    pub const JITTER_DEFAULT: f64 = 0.25;

    /// 1 s, 2 s, 4 s and so on, at most 1 h.
    pub const DEFAULT: Self = Self::exponential(Duration::from_secs(1), Duration::from_secs(3600));

    /// The same delay before each attempt.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self::new(Growth::Fixed, delay, delay)
    }

    /// Grows by `first` with each attempt, up to `max`: `first`, `2 * first`, `3 * first`.
    #[must_use]
    pub const fn linear(first: Duration, max: Duration) -> Self {
        Self::new(Growth::Linear, first, max)
    }

    /// Doubles with each attempt, up to `max`: `first`, `2 * first`, `4 * first`.
    #[must_use]
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        Self::new(Growth::Exponential, first, max)
    }

    /// Sets how far a delay is spread to either side, as a part of it: 0 to 1, where 0.25 makes of
    /// 60 s anything from 45 s to 75 s. What is outside is taken for the nearer end.
    #[must_use]
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = if part > 1.0 {
            1.0
        } else if part > 0.0 {
            part
        } else {
            0.0
        };
        self
    }

    const fn new(growth: Growth, first: Duration, max: Duration) -> Self {
        Self {
            growth,
            first,
            max,
            jitter: Self::JITTER_DEFAULT,
        }
    }

    /// The delay after `attempt`, which counts from 1. `random` is in `0.0..1.0`. At most a
    /// hundred years.
    #[must_use]
    pub fn delay(&self, attempt: i16, random: f64) -> Duration {
        let attempt = u32::from(attempt.max(1).unsigned_abs());
        let factor = match self.growth {
            Growth::Fixed => 1,
            Growth::Linear => attempt,
            Growth::Exponential => 1 << (attempt - 1).min(31),
        };
        let delay = self.first.saturating_mul(factor).min(self.max);
        let spread = 1.0 - self.jitter + 2.0 * self.jitter * random.clamp(0.0, 1.0);
        Duration::try_from_secs_f64(delay.as_secs_f64() * spread)
            .unwrap_or(DELAY_MAX)
            .min(DELAY_MAX)
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

    const SECOND: Duration = Duration::from_secs(1);

    /// The delays in seconds after these attempts, in the middle of their spread.
    fn delays(backoff: Backoff) -> [u64; 7] {
        [1, 2, 3, 6, 7, 8, i16::MAX].map(|attempt| backoff.delay(attempt, 0.5).as_secs())
    }

    #[test]
    fn delays_grow_up_to_the_maximum() {
        for (backoff, expected) in [
            (Backoff::fixed(10 * SECOND), [10; 7]),
            (
                Backoff::linear(10 * SECOND, 65 * SECOND),
                [10, 20, 30, 60, 65, 65, 65],
            ),
            (
                Backoff::exponential(SECOND, 60 * SECOND),
                [1, 2, 4, 32, 60, 60, 60],
            ),
        ] {
            assert_eq!(delays(backoff), expected, "{backoff:?}");
        }
    }

    #[test]
    fn jitter_spreads_a_delay_to_either_side() {
        let backoff = Backoff::fixed(100 * SECOND);
        for (backoff, least, most) in [
            (backoff, 75, 125),
            (backoff.jitter(0.5), 50, 150),
            (backoff.jitter(0.0), 100, 100),
            (backoff.jitter(7.0), 0, 200),
            (backoff.jitter(-1.0), 100, 100),
            (backoff.jitter(f64::NAN), 100, 100),
        ] {
            assert_eq!(backoff.delay(1, 0.0).as_secs(), least, "{backoff:?}");
            assert_eq!(backoff.delay(1, 1.0).as_secs(), most, "{backoff:?}");
        }
    }

    #[test]
    fn attempts_out_of_range_do_not_overflow() {
        assert!(Backoff::DEFAULT.delay(i16::MIN, 0.5) <= Duration::from_secs(3600));
        assert!(Backoff::DEFAULT.delay(0, 0.5) <= Duration::from_secs(3600));
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        for backoff in [
            Backoff::fixed(Duration::MAX),
            Backoff::linear(Duration::MAX, Duration::MAX),
            Backoff::exponential(SECOND, Duration::MAX),
        ] {
            assert!(backoff.delay(i16::MAX, 1.0) <= DELAY_MAX, "{backoff:?}");
        }
    }
}
