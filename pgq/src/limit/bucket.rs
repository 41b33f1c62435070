//! The token bucket of a rate.

use std::time::Duration;

use super::FleetRate;

/// Parts of a token that debts are counted in.
const PARTS: i128 = 1_000_000_000;

/// By how much a clock may be behind that is waited for, in microseconds.
const BACK_MAX: i64 = 1_000_000;

/// Where a bucket stands: how much is missing from it, and since when. A new bucket is full.
///
/// What flows in is rounded down, by a part of a token at most, so that what was granted is never
/// more than the burst and the rate times the elapsed time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// What was missing then, in parts of a token.
    pub(crate) debt: i64,
    /// When that was, in microseconds of the storage's clock.
    pub(crate) at: i64,
}

impl Bucket {
    /// The bucket at `now`, in microseconds of the storage's clock. If that was set back, what was missing
    /// is missing still, and flows in from now on; by a little it is waited for.
    pub(crate) fn refill(self, rate: FleetRate, now: i64) -> Self {
        // No more is missing than a full one has, which may have been more when it was taken.
        let all = i64::from(rate.burst).saturating_mul(1_000_000_000);
        if self.at.saturating_sub(now) > BACK_MAX {
            let debt = self.debt.min(all);
            return Self { debt, at: now };
        }
        let elapsed = i128::from(now.saturating_sub(self.at).max(0));
        let flown = elapsed * i128::from(rate.max) * PARTS / per(rate);
        let debt = (i128::from(self.debt) - flown).max(0);
        Self {
            debt: i64::try_from(debt).unwrap_or(i64::MAX).min(all),
            at: now.max(self.at),
        }
    }

    /// How many tokens there are.
    pub(crate) fn tokens(self, rate: FleetRate) -> u32 {
        let room = i128::from(rate.burst) * PARTS - i128::from(self.debt);
        u32::try_from((room / PARTS).max(0)).unwrap_or(u32::MAX)
    }

    /// The bucket without `tokens` of what it holds.
    pub(crate) fn take(self, tokens: u32) -> Self {
        let taken = i64::from(tokens).saturating_mul(1_000_000_000);
        Self {
            debt: self.debt.saturating_add(taken),
            ..self
        }
    }

    /// How long until there is a token.
    pub(crate) fn next(self, rate: FleetRate) -> Duration {
        inflow(
            i128::from(self.debt) - (i128::from(rate.burst) - 1) * PARTS,
            rate,
        )
    }

    /// How long until it is full.
    pub(crate) fn full(self, rate: FleetRate) -> Duration {
        inflow(i128::from(self.debt), rate)
    }

    /// How long it takes until an empty one is full.
    pub(crate) fn fills(rate: FleetRate) -> Duration {
        inflow(i128::from(rate.burst) * PARTS, rate)
    }
}

/// How long it takes until that has flowed in.
fn inflow(missing: i128, rate: FleetRate) -> Duration {
    let inflow = i128::from(rate.max) * PARTS;
    let micros = (missing.max(0) * per(rate) + inflow - 1) / inflow;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// The time of a rate, in microseconds.
fn per(rate: FleetRate) -> i128 {
    i128::try_from(rate.per.as_micros().max(1)).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: FleetRate = FleetRate {
        max: 3,
        per: Duration::from_secs(1),
        burst: 5,
    };

    #[test]
    fn a_new_bucket_is_full() {
        let bucket = Bucket::default().refill(RATE, 1_700_000_000_000_000);

        assert_eq!(bucket.tokens(RATE), 5);
        assert_eq!(bucket.next(RATE), Duration::ZERO);
    }

    #[test]
    fn tokens_come_one_by_one() {
        let empty = Bucket::default().refill(RATE, 1_000_000).take(5);

        assert_eq!(empty.tokens(RATE), 0);
        assert_eq!(empty.next(RATE), Duration::from_micros(333_334));
        assert_eq!(empty.full(RATE), Duration::from_micros(1_666_667));
        assert_eq!(empty.refill(RATE, 1_333_333).tokens(RATE), 0);
        assert_eq!(empty.refill(RATE, 1_333_334).tokens(RATE), 1);
        assert_eq!(empty.refill(RATE, 2_000_000).tokens(RATE), 3);
        assert_eq!(empty.refill(RATE, 9_000_000).tokens(RATE), 5);
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_and_stops_nothing() {
        let empty = Bucket::default().refill(RATE, 10_000_000).take(5);

        let back = empty.refill(RATE, 1_000_000);

        assert_eq!((back.tokens(RATE), back.at), (0, 1_000_000));
        assert_eq!(back.next(RATE), Duration::from_micros(333_334));
        assert_eq!(back.refill(RATE, 2_000_000).tokens(RATE), 3);
    }

    #[test]
    fn a_clock_that_wavers_gives_nothing_more() {
        let empty = Bucket::default().refill(RATE, 10_000_000).take(5);

        let back = empty.refill(RATE, 9_500_000);

        assert_eq!((back.tokens(RATE), back.at), (0, 10_000_000));
        assert_eq!(back.refill(RATE, 11_000_000).tokens(RATE), 3);
    }

    #[test]
    fn what_a_higher_rate_has_taken_holds_up_a_lower_one_for_one_token_only() {
        let fast = FleetRate {
            max: 1000,
            burst: 1000,
            ..RATE
        };
        let taken = Bucket::default().refill(fast, 1_000_000).take(1000);
        let slow = FleetRate {
            max: 1,
            burst: 1,
            ..RATE
        };

        let bucket = taken.refill(slow, 1_000_000);

        assert_eq!(bucket.next(slow), Duration::from_secs(1));
        assert_eq!(
            bucket.refill(slow, -9_000_000).next(slow),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn never_more_is_granted_than_the_burst_and_what_flowed_in() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..200 {
            let rate = FleetRate {
                max: random.u32(1..=1000),
                per: Duration::from_micros(random.u64(1..=10_000_000)),
                burst: random.u32(1..=100),
            };
            let (mut bucket, mut now, mut granted) = (Bucket::default(), 0_i64, 0_i128);
            for _ in 0..200 {
                now += random.i64(0..=100_000);
                let full = bucket.refill(rate, now);
                let tokens = random.u32(0..=full.tokens(rate));
                bucket = full.take(tokens);
                granted += i128::from(tokens);
                let inflow = i128::from(now) * i128::from(rate.max);
                assert!(
                    granted * per(rate) <= i128::from(rate.burst) * per(rate) + inflow,
                    "seed {seed}: {granted} of {rate:?} after {now} µs",
                );
                if bucket.tokens(rate) == 0 {
                    let wait = i64::try_from(bucket.next(rate).as_micros()).unwrap();
                    assert!(
                        bucket.refill(rate, now + wait).tokens(rate) > 0,
                        "seed {seed}"
                    );
                }
            }
        }
    }
}
