//! How many permits of a limit a worker may have.

/// What one worker has of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// The permits that are allotted to it: so many jobs it may run.
    pub(crate) permits: u32,
    /// How many it would have use for.
    pub(crate) wants: u32,
}

impl Share {
    fn is_hungry(self) -> bool {
        self.wants > self.permits
    }
}

/// How many permits a worker may have that would have use for `wants`, beside what the others have.
///
/// Together with theirs they are never more than `max`, unless theirs alone are. While others are
/// short of permits nobody has more than an even part of what the content ones leave, and one at
/// least: whoever has more lets go of it as its jobs end.
pub(crate) fn allot(max: u32, others: &[Share], wants: u32) -> u32 {
    let held = |shares: &mut dyn Iterator<Item = &Share>| {
        shares.fold(0_u32, |sum, share| sum.saturating_add(share.permits))
    };
    let free = max.saturating_sub(held(&mut others.iter()));
    let hungry = others.iter().filter(|share| share.is_hungry()).count();
    let hungry = u32::try_from(hungry).unwrap_or(u32::MAX);
    let content = held(&mut others.iter().filter(|share| !share.is_hungry()));
    let even = max.saturating_sub(content) / hungry.saturating_add(1);
    wants.min(free).min(even.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn share(permits: u32, wants: u32) -> Share {
        Share { permits, wants }
    }

    #[test]
    fn a_worker_alone_gets_what_it_wants_up_to_the_limit() {
        assert_eq!(allot(10, &[], 4), 4);
        assert_eq!(allot(10, &[], 40), 10);
        assert_eq!(allot(10, &[], 0), 0);
    }

    #[test]
    fn others_keep_what_they_have() {
        assert_eq!(allot(10, &[share(7, 7)], 10), 3);
        assert_eq!(allot(10, &[share(7, 7), share(3, 3)], 10), 0);
        // The limit was lowered.
        assert_eq!(allot(5, &[share(7, 7)], 10), 0);
    }

    #[test]
    fn who_is_short_gets_an_even_part() {
        assert_eq!(allot(10, &[share(0, 20)], 20), 5);
        assert_eq!(allot(10, &[share(0, 20), share(4, 4)], 20), 3);
        assert_eq!(allot(1, &[share(0, 1)], 1), 1);
        assert_eq!(allot(1, &[share(1, 5)], 1), 0);
    }

    #[test]
    fn there_are_never_more_permits_than_the_limit() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..200 {
            let mut max = random.u32(0..20);
            let mut shares = [Share::default(); 5];
            for _ in 0..100 {
                if random.u8(..10) == 0 {
                    max = random.u32(0..20);
                }
                let at = random.usize(..shares.len());
                let in_use = random.u32(0..=shares[at].permits);
                let before: u32 = shares.iter().map(|share| share.permits).sum();
                let others: Vec<Share> = (0..shares.len())
                    .filter(|other| *other != at)
                    .map(|other| shares[other])
                    .collect();
                let wants = random.u32(0..20);
                let permits = allot(max, &others, wants).max(in_use);
                shares[at] = share(permits, wants);
                let after: u32 = shares.iter().map(|share| share.permits).sum();
                assert!(after <= max.max(before), "seed {seed}: {shares:?} of {max}");
            }
        }
    }
}
