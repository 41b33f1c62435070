//! Notices when wake-ups are so many that they slow down those who send them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The part of the time that commits with a wake-up may take. They wait for each other, so this is
/// how busy that queue may be.
const SHARE: u32 = 5;

/// The time of a commit before any was measured, and the bounds for measurements.
const COMMIT_DEFAULT: Duration = Duration::from_millis(1);
const COMMIT_MIN: Duration = Duration::from_micros(400);
const COMMIT_MAX: Duration = Duration::from_millis(50);

/// How many wake-ups may come at once.
const BURST: u32 = 5;

/// How long to do without wake-ups after a first storm. Each one that follows soon doubles it: the
/// enqueuers that were on their way when a storm was noticed are slow, so it should be rare.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// The wake-ups of one topic, and what would have been some.
#[derive(Debug, Default)]
pub(crate) struct Storm {
    /// When the next one would have come if all had come at the harmless interval.
    expected: Option<Instant>,
    rages: bool,
    pause: Duration,
    /// When the pause ends.
    over: Option<Instant>,
}

impl Storm {
    /// Takes note of a wake-up; returns `true` if a storm has begun with it. `interval` is the time
    /// from one to the next that does no harm.
    pub(crate) fn woken(&mut self, interval: Duration, now: Instant) -> bool {
        if !self.is_too_many(interval, now) {
            return false;
        }
        let soon = self.over.is_some_and(|over| now < over + self.pause);
        self.pause = match soon {
            true => (self.pause * 2).min(PAUSE_MAX),
            false => PAUSE_MIN,
        };
        self.over = Some(now + self.pause);
        self.rages = true;
        true
    }

    /// Takes note of jobs that were found without a wake-up: there would have been one at least.
    pub(crate) fn found(&mut self, interval: Duration, now: Instant) {
        self.rages |= self.is_too_many(interval, now);
    }

    /// Whether it is too early to ask for wake-ups. It stays so until nothing was found for a while.
    pub(crate) fn rages(&mut self, quiet: bool, now: Instant) -> bool {
        if quiet && self.over.is_none_or(|over| over <= now) {
            self.rages = false;
        }
        self.rages
    }

    fn is_too_many(&mut self, interval: Duration, now: Instant) -> bool {
        let expected = self.expected.unwrap_or(now).max(now) + interval;
        let too_many = expected > now + interval * BURST;
        self.expected = (!too_many).then_some(expected);
        too_many
    }
}

/// How long a durable commit takes, there and back, in microseconds; 0 if none was measured.
#[derive(Debug, Default)]
pub(crate) struct CommitTime(AtomicU64);

impl CommitTime {
    /// Takes a measurement in. One that was slow by chance counts less than one that was fast.
    pub(crate) fn observe(&self, took: Duration) {
        let took = micros(took.clamp(COMMIT_MIN, COMMIT_MAX));
        let known = self.known();
        let new = match took < known {
            true => took,
            false => known + (took - known) / 4,
        };
        self.0.store(new, Ordering::Relaxed);
    }

    /// The time from one wake-up to the next that does no harm to those who send them.
    pub(crate) fn harmless_interval(&self) -> Duration {
        Duration::from_micros(self.known()) * SHARE
    }

    fn known(&self) -> u64 {
        match self.0.load(Ordering::Relaxed) {
            0 => micros(COMMIT_DEFAULT),
            known => known,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_commits_admit_fewer_wake_ups() {
        let commit = CommitTime::default();
        assert_eq!(commit.harmless_interval(), COMMIT_DEFAULT * SHARE);

        commit.observe(COMMIT_DEFAULT / 2);
        assert_eq!(commit.harmless_interval(), COMMIT_DEFAULT / 2 * SHARE);

        for _ in 0..50 {
            commit.observe(COMMIT_MAX * 2);
        }
        assert!(commit.harmless_interval() > COMMIT_MAX * SHARE * 9 / 10);
    }

    const INTERVAL: Duration = Duration::from_millis(5);

    #[test]
    fn wake_ups_that_come_slowly_are_no_storm() {
        let (mut storm, mut now) = (Storm::default(), Instant::now());

        for _ in 0..1000 {
            assert!(!storm.woken(INTERVAL, now));
            now += INTERVAL;
        }
    }

    #[test]
    fn more_than_a_burst_at_once_is_a_storm() {
        let (mut storm, now) = (Storm::default(), Instant::now());

        for _ in 0..BURST {
            assert!(!storm.woken(INTERVAL, now));
        }
        assert!(storm.woken(INTERVAL, now));
        assert!(storm.rages(true, now));
        assert!(storm.rages(false, now + PAUSE_MIN));
        assert!(!storm.rages(true, now + PAUSE_MIN));
    }

    #[test]
    fn a_storm_that_follows_at_once_pauses_for_longer() {
        let (mut storm, mut now) = (Storm::default(), Instant::now());
        let mut pauses = Vec::new();

        for _ in 0..6 {
            while !storm.woken(INTERVAL, now) {}
            pauses.push(storm.pause);
            now += storm.pause;
        }
        now += PAUSE_MAX * 2;
        while !storm.woken(INTERVAL, now) {}

        let seconds: Vec<u64> = pauses.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 16]);
        assert_eq!(storm.pause, PAUSE_MIN);
    }

    #[test]
    fn jobs_that_keep_coming_are_a_storm_until_they_do_not() {
        let (mut storm, now) = (Storm::default(), Instant::now());

        (0..=BURST).for_each(|_| storm.found(INTERVAL, now));

        assert!(storm.rages(false, now));
        assert!(!storm.rages(true, now));
    }
}
