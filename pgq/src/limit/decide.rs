//! How many jobs a claim under limits takes, and what permits are then kept.

use std::time::Duration;

use super::Share;

/// How soon somebody who was short of permits asks again. Whoever has permits that it does not use
/// gives them back as soon.
pub(crate) const PERMITS_AGAIN: Duration = Duration::from_secs(1);

/// One limit of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// How many jobs run under it in this worker.
    pub(crate) in_use: u32,
    /// How many that were claimed before wait for a slot.
    pub(crate) waiting: u32,
    /// How many could run.
    pub(crate) wants: u32,
    /// How many may.
    pub(crate) permits: u32,
}

impl Grant {
    fn room(self) -> usize {
        usize::try_from(self.permits.saturating_sub(self.in_use)).unwrap_or(usize::MAX)
    }

    /// What the worker keeps once it has claimed `found` jobs: permits for all that it has, and all
    /// of them if there may be more jobs. If there were jobs and no permits, it says what it wants.
    pub(crate) fn kept(self, found: usize, more: bool) -> Share {
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        let used = found.saturating_add(self.waiting);
        let permits = match more {
            true => self.permits.max(self.in_use),
            false => self.permits.min(self.in_use.saturating_add(used)),
        };
        let permits = permits.max(self.in_use);
        Share {
            permits,
            wants: if more {
                self.wants.max(permits)
            } else {
                permits
            },
        }
    }
}

/// How many jobs to take: what there are permits and tokens for, and under permits `prefetch` more,
/// but no more than `limit`.
pub(crate) fn take(limit: usize, prefetch: usize, grants: &[Grant], tokens: Option<u32>) -> usize {
    let room = |grant: &Grant| match grant.room() {
        0 => 0,
        room => {
            let waiting = usize::try_from(grant.waiting).unwrap_or(usize::MAX);
            room.saturating_add(prefetch).saturating_sub(waiting)
        }
    };
    let permitted = grants.iter().map(room).fold(limit, usize::min);
    tokens.map_or(permitted, |tokens| {
        permitted.min(usize::try_from(tokens).unwrap_or(usize::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn grant(in_use: u32, wants: u32, permits: u32) -> Grant {
        Grant {
            in_use,
            waiting: 0,
            wants,
            permits,
        }
    }

    #[test]
    fn as_many_are_taken_as_there_are_permits_and_tokens_for() {
        assert_eq!(take(10, 0, &[], None), 10);
        assert_eq!(take(10, 0, &[grant(2, 12, 5)], None), 3);
        assert_eq!(take(10, 4, &[grant(2, 12, 5)], None), 7);
        assert_eq!(take(10, 4, &[grant(2, 12, 2)], None), 0);
        assert_eq!(take(10, 0, &[grant(2, 12, 5), grant(0, 9, 1)], Some(9)), 1);
        assert_eq!(take(10, 0, &[], Some(3)), 3);
        let waiting = Grant {
            waiting: 2,
            ..grant(2, 12, 5)
        };
        assert_eq!(take(10, 0, &[waiting], None), 1);
    }

    #[test]
    fn permits_that_no_job_was_found_for_are_not_kept() {
        let share = |permits, wants| Share { permits, wants };

        assert_eq!(grant(2, 12, 5).kept(1, false), share(3, 3));
        assert_eq!(grant(2, 12, 5).kept(3, true), share(5, 12));
        assert_eq!(grant(2, 12, 2).kept(0, true), share(2, 12));
        // The limit was lowered.
        assert_eq!(grant(2, 12, 0).kept(0, true), share(2, 12));
    }
}
